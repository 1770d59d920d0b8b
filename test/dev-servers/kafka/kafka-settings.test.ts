import { dockerRunArguments } from '../../../src/dev-servers/kafka/kafka-docker';
import { kafkaPom } from '../../../src/dev-servers/kafka/kafka-pom';
import {
  kafkaSettings,
  LOG4J2_PROPERTIES,
  toProperties,
} from '../../../src/dev-servers/kafka/kafka-settings';

test('the broker listens on 127.0.0.1 only and keeps its data in the given directory', () => {
  const properties = toProperties(
    kafkaSettings({ host: '127.0.0.1', port: 9092, controllerPort: 9093, dataDirectory: 'data' }),
  ).split('\n');
  expect(properties).toEqual(
    expect.arrayContaining([
      'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      'advertised.listeners=PLAINTEXT://127.0.0.1:9092',
      'controller.quorum.voters=1@127.0.0.1:9093',
      'log.dirs=data',
      'auto.create.topics.enable=false',
      'group.initial.rebalance.delay.ms=0',
    ]),
  );
});

test('a further listener sends its clients to the port that it advertises', () => {
  const address = { host: '127.0.0.1', port: 9092, controllerPort: 9093, dataDirectory: 'data' };
  const further = [{ name: 'PROXIED', port: 9094, advertisedPort: 19094 }];
  expect(kafkaSettings({ ...address, further })).toMatchObject({
    listeners: 'PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093,PROXIED://127.0.0.1:9094',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9092,PROXIED://127.0.0.1:19094',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT',
  });
});

test('the container is published on 127.0.0.1 only, under the port it listens on', () => {
  const args = dockerRunArguments({ name: 'cloudsync-kafka-abc', port: 19092, heap: '1g' });
  const line = args.join(' ');
  expect(line).toMatch(/^run --rm --name cloudsync-kafka-abc --publish 127\.0\.0\.1:19092:19092 /);
  expect(line).toContain('--volume cloudsync-kafka-abc:/var/lib/kafka/data');
  expect(args.at(-1)).toBe('apache/kafka:4.1.1');
  expect(args).toEqual(
    expect.arrayContaining([
      'KAFKA_HEAP_OPTS=-Xmx1g',
      'KAFKA_NODE_ID=1',
      'KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:19092,CONTROLLER://127.0.0.1:9093',
      'KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:19092',
      'KAFKA_LOG_DIRS=/var/lib/kafka/data',
      'KAFKA_AUTO_CREATE_TOPICS_ENABLE=false',
    ]),
  );
});

test("the container's controller gets another port if the broker has the usual one", () => {
  expect(dockerRunArguments({ name: 'n', port: 9093, heap: '1g' })).toContain(
    'KAFKA_CONTROLLER_QUORUM_VOTERS=1@127.0.0.1:9094',
  );
});

test('the pom names the artifacts that a broker needs', () => {
  const artifacts = [...kafkaPom().matchAll(/<artifactId>(.*)<\/artifactId>\s*<version>(.*)</g)];
  expect(artifacts.map(([, artifact, version]) => `${artifact}:${version}`)).toEqual([
    'local-kafka:4.1.1',
    'kafka_2.13:4.1.1',
    'kafka-tools:4.1.1',
    'log4j-slf4j-impl:2.24.3',
    'log4j-core:2.24.3',
  ]);
});

test("the broker's log has warnings and errors", () => {
  expect(LOG4J2_PROPERTIES).toContain('rootLogger.level=warn\n');
});
