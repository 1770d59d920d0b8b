import { topicConfig, withAdmin, type Kafka } from '../kafka/kafka';
import { createTopic, onceKnown } from '../kafka/topics';
import { UsageError } from '../domain/errors';
import { stateTopic } from '../domain/stream/state-topic';
import type { AnyStream } from '../domain/stream/stream';
import { existingEnds } from './topic/read-topic';

export interface TopicPlan {
  topic: string;
  partitions: number;
  exists: boolean;
}

export interface CreateTopicsOptions {
  /** Partitions for a stream's topic that does not exist yet. */
  partitions: number;
  /** -1 leaves it to the broker's `default.replication.factor`. */
  replicationFactor: number;
  dryRun: boolean;
}

/** Room for the headers that a dead letter has besides its record. They take about 1 to 5 KB. */
const DEAD_LETTER_OVERHEAD_BYTES = 64 * 1024;
/**
 * Settings for how far from now a timestamp may be: in the future, in the past, and in either direction. Brokers
 * before Kafka 3.6 know only the last; brokers since Kafka 4.0 know only the first two. Brokers have defaults for
 * them.
 */
const TIMESTAMP_LIMITS = [
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.difference.max.ms',
];
const NO_LIMIT = '9223372036854775807';
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** The broker's default of `socket.request.max.bytes`. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024;

/** The last entry of each letter stays for ever. */
const STATE_TOPIC_CONFIG = { 'cleanup.policy': 'compact' };

/**
 * Creates the streams' topics, dead-letter topics and state topics that are missing. A dead-letter topic accepts everything
 * that the stream's topic accepted: larger records, any timestamp, for ever. All of these settings are explicit,
 * because brokers may have other defaults.
 */
export async function createTopics(
  kafka: Kafka,
  streams: AnyStream[],
  options: CreateTopicsOptions,
): Promise<TopicPlan[]> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const plan: TopicPlan[] = [];
    const create = async (topic: string, partitions: number, config: Record<string, string>) => {
      if (plan.some((one) => one.topic === topic)) return;
      const exists = existing.has(topic);
      plan.push({ topic, partitions, exists });
      if (exists || options.dryRun) return;
      const { replicationFactor } = options;
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      await createTopic(admin, {
        ...{ topic, numPartitions: partitions, replicationFactor, configEntries },
      });
    };
    for (const { topic } of streams) await create(topic, options.partitions, {});
    for (const { topic, deadLetterTopic } of streams) {
      const exists = existing.has(topic) || !options.dryRun;
      const ask = async (name: string) =>
        exists ? onceKnown(() => topicConfig(admin, topic, name)) : undefined;
      const limit = Number((await ask('max.message.bytes')) ?? DEFAULT_MAX_MESSAGE_BYTES);
      const limits: Record<string, string> = {};
      for (const name of TIMESTAMP_LIMITS) {
        if ((await ask(name)) !== undefined) limits[name] = NO_LIMIT;
      }
      await create(deadLetterTopic, 1, {
        'max.message.bytes': String(limit + DEAD_LETTER_OVERHEAD_BYTES),
        'message.timestamp.type': 'CreateTime',
        ...limits,
        'cleanup.policy': 'delete',
        'retention.ms': '-1',
        'retention.bytes': '-1',
      });
    }
    for (const stream of streams) await create(stateTopic(stream), 1, STATE_TOPIC_CONFIG);
    return plan;
  });
}

/** Creates the stream's state topic if it is missing, as for a stream whose topics an earlier version has made. */
export async function createStateTopic(kafka: Kafka, stream: AnyStream): Promise<void> {
  const topic = stateTopic(stream);
  if (await existingEnds(kafka, topic)) return;
  const configEntries = Object.entries(STATE_TOPIC_CONFIG).map(([name, value]) => ({
    name,
    value,
  }));
  await withAdmin(kafka, (admin) =>
    createTopic(admin, { topic, numPartitions: 1, replicationFactor: -1, configEntries }),
  );
}

/**
 * Bytes of the largest batch that the topic accepts. If the broker does not say, bytes of the largest request.
 */
export async function maxMessageBytes(kafka: Kafka, topic: string): Promise<number> {
  try {
    const value = await withAdmin(kafka, (admin) => topicConfig(admin, topic, 'max.message.bytes'));
    return value === undefined ? MAX_REQUEST_BYTES : Number(value);
  } catch {
    // Somebody who may send records may still lack the right to read settings. The broker refuses a batch that is
    // too large.
    return MAX_REQUEST_BYTES;
  }
}

/** Throws a {@link UsageError} that names the topics that do not exist. */
export async function requireTopics(kafka: Kafka, topics: string[]): Promise<void> {
  const existing = new Set(await withAdmin(kafka, (admin) => admin.listTopics()));
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0) {
    throw new UsageError(
      `Kafka has no topic ${missing.join(', ')}: check the name; "cloudsync topics create" makes the topics of the streams`,
    );
  }
}
