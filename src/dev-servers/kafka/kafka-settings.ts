export interface KafkaAddress {
  /** Where the broker listens: 127.0.0.1, or every interface of a container. */
  host: string;
  port: number;
  controllerPort: number;
  dataDirectory: string;
  further?: FurtherListener[];
}

/**
 * A further listener, for a proxy in front of the broker. Clients that connect through the proxy get the address
 * of the proxy, so they keep to it.
 */
export interface FurtherListener {
  /** Letters, digits and `_`. */
  name: string;
  port: number;
  /** The port to which its clients are sent: that of the proxy. */
  advertisedPort: number;
}

/** Settings of one KRaft node for one machine. The node is broker and controller. */
export function kafkaSettings(address: KafkaAddress): Record<string, string> {
  const { host, port, controllerPort, dataDirectory, further = [] } = address;
  const list = (first: string, each: (listener: FurtherListener) => string) =>
    [first, ...further.map(each)].join(',');
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: list(
      `PLAINTEXT://${host}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      (one) => `${one.name}://${host}:${one.port}`,
    ),
    'advertised.listeners': list(
      `PLAINTEXT://127.0.0.1:${port}`,
      (one) => `${one.name}://127.0.0.1:${one.advertisedPort}`,
    ),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': list(
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      ({ name }) => `${name}:PLAINTEXT`,
    ),
    'log.dirs': dataDirectory,
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    // After a kill the broker can register again only when its old session is over: 9 s by default.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '1000',
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
  };
}

export function toProperties(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Without a configuration, Kafka logs only errors. */
export const LOG4J2_PROPERTIES = toProperties({
  status: 'warn',
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d{ISO8601} %p %m (%c)%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.console.ref': 'console',
});
