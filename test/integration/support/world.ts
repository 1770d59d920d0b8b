import { setTimeout as sleep } from 'node:timers/promises';
import {
  createConsumer,
  createKafka,
  type GZIP,
  withAdmin,
  type Message,
  type Producer,
} from '../../../src/kafka/kafka';
import { createRecordReader } from '../../../src/kafka/reader';
import { createProducer } from '../../../src/kafka/producer/producer';
import { connectTemporal, type TemporalClient } from '../../../src/temporal/temporal';
import { installTemporalRuntime } from '../../../src/temporal/runtime';
import { loadSettings, type Settings } from '../../../src/settings/config';
import { createBridgeWorker } from '../../../src/processes/create-bridge-worker';
import type { BridgeWorkerOptions } from '../../../src/processes/stream-bridge';
import { createWorker } from '../../../src/processes/create-worker';
import type { KafkaRecord } from '../../../src/domain/record/record';
import {
  defineStream,
  type AnyStream,
  type StreamOptions,
} from '../../../src/domain/stream/stream';
import { messageSchema } from '../../../src/domain/record/message';
import type { Service } from '../../../src/lib/lifecycle';
import { createLogger } from '../../../src/telemetry/logger';
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics';
import { createTopics } from '../../../src/operations/topics';
import { MemorySink } from './memory-sink';

const logger = createLogger('silent');
let counter = 0;

/** A name that no other test has used. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${counter++}`;
}

/** Polls until the condition is true. The deadline only ends a test that would never end. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(50);
  }
}

export function messageValue(id: string, payload: unknown = { text: `message ${id}` }): Buffer {
  return Buffer.from(
    JSON.stringify({ id, type: 'test', occurredAt: '2026-01-01T00:00:00Z', payload }),
  );
}

/** A message to send. Its key is its id. */
export function message(id: string, payload?: unknown) {
  return { key: id, value: messageValue(id, payload) };
}

export interface RunningBridge extends Service {
  metrics: Metrics;
}

/** The access of an integration test to Kafka and Temporal. `close` releases everything that the test opened. */
export class World {
  readonly settings: Settings;
  /** Further options of the bridge workers. */
  bridgeOptions: Partial<Pick<BridgeWorkerOptions, 'stalledAfterMs' | 'logger'>> = {};
  readonly #services = new Set<Service>();
  #producer: Promise<Producer> | undefined;
  #temporal: Promise<TemporalClient> | undefined;

  /** `env` names the servers. Default: the servers of the suite. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.settings = loadSettings({ ...env, CLOUDSYNC_METRICS_PORT: '0' });
  }

  /** Creates a stream with a topic, group and dead-letter topic of its own, and a sink in memory. */
  async stream(
    options: Partial<StreamOptions<typeof messageSchema>> & {
      partitions?: number;
      withoutDeadLetterTopic?: boolean;
    } = {},
  ): Promise<{ stream: AnyStream; sink: MemorySink }> {
    const { partitions = 2, withoutDeadLetterTopic, ...rest } = options;
    const sink = new MemorySink();
    const name = uniqueName('t');
    const stream = defineStream({
      name,
      topic: name,
      schema: messageSchema,
      sink,
      retry: { fastAttempts: 2, maximumAttempts: 4, initialIntervalMs: 200 },
      ...rest,
    });
    await this.createTopics(stream, partitions);
    if (withoutDeadLetterTopic) {
      await withAdmin(this.kafka(), (admin) =>
        admin.deleteTopics({ topics: [stream.deadLetterTopic] }),
      );
    }
    return { stream, sink };
  }

  async createTopics(stream: AnyStream, partitions = 2): Promise<void> {
    const options = { partitions, replicationFactor: 1, dryRun: false };
    await createTopics(this.kafka(), [stream], options);
  }

  kafka() {
    return createKafka(this.settings.kafka, logger);
  }

  async send(
    topic: string,
    messages: Message[],
    options: { compression?: typeof GZIP } = {},
  ): Promise<void> {
    this.#producer ??= (async () => {
      const producer = createProducer(this.kafka());
      await producer.connect();
      return producer;
    })();
    await (await this.#producer).send({ topic, acks: -1, messages, ...options });
  }

  async temporal(): Promise<TemporalClient> {
    installTemporalRuntime(logger);
    return (this.#temporal ??= connectTemporal(this.settings.temporal));
  }

  async bridge(...streams: AnyStream[]): Promise<RunningBridge> {
    const metrics = createMetrics();
    const { kafka, temporal } = this.settings;
    const options = { kafka, temporal, streams, logger, metrics, ...this.bridgeOptions };
    const service = await createBridgeWorker(options);
    this.#services.add(service);
    service.ended.catch(() => undefined);
    return Object.assign(service, { metrics });
  }

  async worker(...streams: AnyStream[]): Promise<Service> {
    const { kafka, temporal } = this.settings;
    const service = await createWorker({ kafka, temporal, streams, logger });
    this.#services.add(service);
    return service;
  }

  /** All present records of a topic, partition by partition. */
  async records(topic: string): Promise<KafkaRecord[]> {
    const kafka = this.kafka();
    const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
    const reader = createRecordReader(kafka);
    const records: KafkaRecord[] = [];
    try {
      for (const { partition, low, high } of offsets) {
        for await (const record of reader.read(topic, partition, Number(low), Number(high))) {
          records.push(record);
        }
      }
    } finally {
      await reader.close();
    }
    return records;
  }

  async setTopicConfig(topic: string, name: string, value: string): Promise<void> {
    await this.setTopicConfigs(topic, { [name]: value });
  }

  /** Replaces all settings of the topic, because kafkajs has no request that changes some of them. */
  async setTopicConfigs(topic: string, values: Record<string, string>): Promise<void> {
    const TOPIC_RESOURCE = 2;
    const configEntries = Object.entries(values).map(([name, value]) => ({ name, value }));
    await withAdmin(this.kafka(), (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }],
      }),
    );
  }

  /** Deletes the stream's topic and creates it again, empty. */
  async recreateTopic(stream: AnyStream): Promise<void> {
    await this.deleteTopic(stream.topic);
    await this.createTopics(stream, 1);
  }

  /** Deletes the topic if it exists. */
  async deleteTopic(topic: string): Promise<void> {
    await withAdmin(this.kafka(), async (admin) => {
      if (!(await admin.listTopics()).includes(topic)) return;
      await admin.deleteTopics({ topics: [topic] });
      await until('deleted', async () => !(await admin.listTopics()).includes(topic));
    });
  }

  /** Deletes the records of a partition before this offset, as retention does. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    await withAdmin(this.kafka(), async (admin) => {
      // Without this request kafkajs does not know the partition's leader.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition, offset: String(before) }],
      });
    });
  }

  /** The number of records that the stream's group has not committed. */
  async lag(stream: AnyStream): Promise<number> {
    return withAdmin(this.kafka(), async (admin) => {
      const ends = await admin.fetchTopicOffsets(stream.topic);
      const { groupId, topic } = stream;
      const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
      return ends.reduce((sum, { partition, high, low }) => {
        const offset = committed[0]!.partitions.find((one) => one.partition === partition)?.offset;
        const position = offset === undefined || offset === '-1' ? low : offset;
        return sum + Number(high) - Number(position);
      }, 0);
    });
  }

  /** The commit of the stream's group for partition 0. */
  async committed({ groupId, topic }: AnyStream): Promise<{ offset: string; metadata: string }> {
    return withAdmin(this.kafka(), async (admin) => {
      const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
      const { offset, metadata } = committed!.partitions.find(({ partition }) => partition === 0)!;
      return { offset, metadata: metadata ?? '' };
    });
  }

  /** Commits for the stream's group, which must have no members. */
  async commit(
    { groupId, topic }: AnyStream,
    commit: { offset: string; metadata: string },
  ): Promise<void> {
    const consumer = createConsumer(this.kafka(), { groupId });
    await consumer.connect();
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    await joined;
    await consumer.commitOffsets([{ topic, partition: 0, ...commit }]);
    await consumer.disconnect();
  }

  /** The name of the status of a workflow's latest run. */
  async workflowStatus(workflowId: string): Promise<string> {
    const { client } = await this.temporal();
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  }

  /** Deletes a workflow, as the namespace's retention does. */
  async forget(workflowId: string): Promise<void> {
    const { client } = await this.temporal();
    const { namespace } = client.options;
    const workflowExecution = { workflowId };
    await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
    await until('forgotten', async () => {
      return this.workflowStatus(workflowId).then(
        () => false,
        () => true,
      );
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.stop()));
    await (await this.#producer)?.disconnect();
    await (await this.#temporal)?.close();
  }
}

/** The value of one labelled counter. */
export async function counterValue(
  counter: { get(): Promise<{ values: { value: number; labels: object }[] }> },
  labels: Record<string, string>,
): Promise<number> {
  const { values } = await counter.get();
  return values
    .filter((one) =>
      Object.entries(labels).every(([k, v]) => (one.labels as Record<string, unknown>)[k] === v),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
