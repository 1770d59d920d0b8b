import { topicConfig, withAdmin, type Kafka } from '../kafka/kafka';
import { createTopic, onceKnown } from '../kafka/topics';
import { UsageError } from '../domain/errors';
import type { AnyStream } from '../domain/stream/stream';

export interface TopicPlan {
  topic: string;
  partitions: number;
  exists: boolean;
}

export interface CreateTopicsOptions {
  /** Partitions of a stream's topic that does not exist yet. */
  partitions: number;
  /** -1 leaves it to the broker's `default.replication.factor`. */
  replicationFactor: number;
  dryRun: boolean;
}

/** A dead letter is its record and about 1 to 5 KB of headers. */
const DEAD_LETTER_OVERHEAD_BYTES = 64 * 1024;
/**
 * How far from now a timestamp may be: in the future, in the past, and either. Brokers before Kafka 3.6 know the last
 * alone, and those since Kafka 4.0 the others. Brokers have defaults for them.
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

/**
 * Creates the streams' topics and dead-letter topics that are missing. A dead-letter topic takes
 * everything its source took: larger records, any timestamp, for ever. It says so itself, as brokers may have
 * other defaults.
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
    return plan;
  });
}

/** Bytes of the largest batch that the topic takes; those of the largest request if the broker does not say. */
export async function maxMessageBytes(kafka: Kafka, topic: string): Promise<number> {
  try {
    const value = await withAdmin(kafka, (admin) => topicConfig(admin, topic, 'max.message.bytes'));
    return value === undefined ? MAX_REQUEST_BYTES : Number(value);
  } catch {
    // Not everybody who may send may ask for settings. The broker refuses what it does not take.
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
