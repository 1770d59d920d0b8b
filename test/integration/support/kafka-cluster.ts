import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, userCacheDirectory } from '../../../src/dev-servers';
import { kafkaAnswers } from '../../../src/dev-servers/kafka/kafka-probe';
import {
  kafkaSettings,
  LOG4J2_PROPERTIES,
  toProperties,
} from '../../../src/dev-servers/kafka/kafka-settings';
import {
  killProcess,
  spawnServer,
  stopProcess,
  untilReady,
  type StartingServer,
} from '../../../src/dev-servers/process/server-process';
import { provisionKafka } from '../../../src/dev-servers/kafka/provision-kafka';
import { installedTools } from '../../../src/dev-servers/cache/tools';

const quiet = () => undefined;
const MEMORY = ['-Xmx256m', '-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

interface Node {
  home: string;
  settings: Record<string, string>;
  port: number;
  running?: StartingServer;
}

/** A Kafka of several brokers, and one controller that no test stops. Needs Java and Maven. */
export class KafkaCluster {
  readonly #nodes: Node[] = [];

  private constructor(private readonly java: string[]) {}

  /** Starts a cluster with `settings` for every broker. Internal topics are on all brokers, and one broker is enough to write. */
  static async start(
    directory: string,
    { brokers = 3, settings = {} }: { brokers?: number; settings?: Record<string, string> } = {},
  ): Promise<KafkaCluster> {
    const installation = await provisionKafka(userCacheDirectory(process.env), quiet);
    if (installation.kind !== 'jars') throw new Error('a cluster needs Java 17 and Maven');
    const log4j = '-Dlog4j2.configurationFile=log4j2.properties';
    const cluster = new KafkaCluster(['-cp', join(installation.lib, '*'), log4j]);
    const controllerPort = await freePort();
    const clusterId = randomBytes(16).toString('base64url');
    for (let id = 0; id <= brokers; id++) {
      const port = await freePort();
      const own = id === 0 ? controllerOnly(controllerPort) : brokerOnly(id, brokers);
      const common = kafkaSettings({
        ...{ host: '127.0.0.1', port, controllerPort, dataDirectory: 'data' },
      });
      const all: Record<string, string> = {
        ...common,
        'controller.quorum.voters': `0@127.0.0.1:${controllerPort}`,
        ...own(port),
        ...settings,
      };
      if (id === 0) for (const name of BROKER_ONLY) delete all[name];
      const home = join(directory, String(id));
      cluster.#nodes.push({ home, settings: all, port });
    }
    await Promise.all(cluster.#nodes.map((node) => cluster.#format(node, clusterId)));
    await Promise.all(cluster.#nodes.map((_, id) => cluster.startNode(id)));
    return cluster;
  }

  /** The addresses of the brokers, in the order of their ids: 1, 2, 3. */
  get brokers(): string[] {
    return this.#nodes.slice(1).map(({ port }) => `127.0.0.1:${port}`);
  }

  async startNode(id: number): Promise<void> {
    const node = this.#nodes[id]!;
    const log = join(node.home, 'kafka.log');
    const args = [...MEMORY, ...this.java, 'kafka.Kafka', 'server.properties'];
    const title = `Kafka node ${id}`;
    const identity = spawnServer({ title, command: 'java', args, cwd: node.home, log });
    const answers = () => (id === 0 ? Promise.resolve(true) : kafkaAnswers(node.port));
    node.running = { title, address: `127.0.0.1:${node.port}`, identity, log, answers };
    await untilReady(node.running, quiet);
  }

  /** Sends SIGTERM: the broker hands its partitions over before it ends. */
  async stopNode(id: number): Promise<void> {
    await stopProcess(this.#nodes[id]!.running!.identity);
  }

  async killNode(id: number): Promise<void> {
    await killProcess(this.#nodes[id]!.running!.identity);
  }

  /** Sends SIGSTOP: connections stay open and are accepted, and nothing is answered. */
  freezeNode(id: number): void {
    process.kill(this.#nodes[id]!.running!.identity.pid, 'SIGSTOP');
  }

  thawNode(id: number): void {
    process.kill(this.#nodes[id]!.running!.identity.pid, 'SIGCONT');
  }

  async close(): Promise<void> {
    const running = this.#nodes.flatMap((node) => node.running ?? []);
    await Promise.all(running.map(({ identity }) => killProcess(identity)));
  }

  async #format({ home, settings }: Node, clusterId: string): Promise<void> {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'server.properties'), toProperties(settings));
    writeFileSync(join(home, 'log4j2.properties'), LOG4J2_PROPERTIES);
    await installedTools.run({
      command: 'java',
      args: [
        ...this.java,
        ...['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`],
        ...['--config', 'server.properties'],
      ],
      cwd: home,
      doing: "formatting Kafka's data directory",
      deadlineMs: 120_000,
      progress: quiet,
    });
  }
}

const BROKER_ONLY = ['advertised.listeners', 'inter.broker.listener.name'];

const controllerOnly = (controllerPort: number) => () => ({
  'process.roles': 'controller',
  'node.id': '0',
  listeners: `CONTROLLER://127.0.0.1:${controllerPort}`,
});

const brokerOnly = (id: number, brokers: number) => (port: number) => ({
  'process.roles': 'broker',
  'node.id': String(id),
  listeners: `PLAINTEXT://127.0.0.1:${port}`,
  'offsets.topic.replication.factor': String(brokers),
  'offsets.topic.num.partitions': '1',
  'replica.lag.time.max.ms': '3000',
});
