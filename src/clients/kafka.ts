import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import RequestQueue from 'kafkajs/src/network/requestQueue';
import Encoder from 'kafkajs/src/protocol/encoder';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import {
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  KafkaJSAggregateError,
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSProtocolError,
  logLevel,
  PartitionAssigners,
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type EachBatchPayload,
  type PartitionAssigner,
  type RetryOptions,
  type SASLOptions,
} from 'kafkajs';
import type { Logger } from 'pino';
import type { KafkaRecord } from '../domain/record';
import { fetchBatches, type FetchedBatch } from './kafka-consumer-fetch';
import { lz4, snappy, zstd } from './kafka-codecs';
import './kafka-connections';
import './kafka-encoder';
import './kafkajs-connections';
import { asOurs, isOurs } from './kafkajs-clusters';
import { despiteLeaderless } from './kafkajs-leaderless';
import './kafkajs-lost-brokers';
import './kafkajs-rights';

/**
 * The only file that knows kafkajs, with `kafka-*.ts` beside it. It has had no release
 * since 2023, so what it lacks is mended or reached into here, at the exact version that package.json pins.
 */
export type { Admin, Consumer, EachBatchPayload, Message, Producer } from 'kafkajs';
export type { FetchedBatch };

const REBALANCE_IN_PROGRESS = 27;

/** PEM texts. `cert` and `key` are the client's own, where brokers ask for them. */
export interface KafkaTls {
  ca?: string;
  cert?: string;
  key?: string;
}

export interface KafkaSettings {
  brokers: string[];
  clientId: string;
  /** TLS, by the certificate authorities that Node knows unless `ca` is given. */
  ssl: boolean | KafkaTls;
  sasl?: SASLOptions;
}

/**
 * kafkajs re-arms a 1 ms timer on every connection for ever (tulios/kafkajs#1556): about 870 wake-ups
 * a second and 3 to 6 % of a core for each idle connection. It is needed only while requests wait.
 */
const queue = RequestQueue.prototype;
const { scheduleCheckPendingRequests } = queue;
queue.scheduleCheckPendingRequests = function () {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
};

/**
 * kafkajs can write a header without a value, but fails when it adds up the size. This one counts as
 * empty, which takes as many bytes, and is written as null.
 */
const NULL_HEADER = Buffer.alloc(0);
const encoder = Encoder.prototype;
const writeVarIntBytes = encoder.writeVarIntBytes;
encoder.writeVarIntBytes = function (value) {
  return writeVarIntBytes.call(this, value === NULL_HEADER ? null : value);
};

/**
 * That is what kafkajs throws when no broker answers while it looks for the coordinator, as when the only
 * one restarts. It counts that as final: the consumer ends, and with it the process.
 */
Object.defineProperty(KafkaJSGroupCoordinatorNotFound.prototype, 'retriable', {
  get: () => true,
  set: () => undefined,
  // A stream module may load this file once more, on the same kafkajs.
  configurable: true,
});

/**
 * Where a member can't join its group anew, as the broker restarts, kafkajs goes on fetching what it had
 * before. It sends no heartbeat if its group has forgotten it, or one that the group takes: so it is never
 * told. This tells it to join, at each heartbeat, until it has.
 */
const group = ConsumerGroup.prototype;
const { fetch, heartbeat, joinAndSync } = group;
const outside = new WeakSet<ConsumerGroup>();
group.joinAndSync = async function () {
  try {
    await joinAndSync.call(this);
    outside.delete(this);
  } catch (error) {
    outside.add(this);
    throw error;
  }
};
group.heartbeat = async function (options) {
  if (outside.has(this)) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
  return heartbeat.call(this, options);
};

/** Fetches in the place of kafkajs, whose own way trusts that every batch has records; see `fetchBatches`. */
group.fetch = function (nodeId) {
  return isOurs(this.cluster) ? fetchBatches(this, nodeId) : fetch.call(this, nodeId);
};

/** What kafkajs hands to a consumer's handler, and {@link fetchBatches} has made. */
export function fetchedBatch({ batch }: EachBatchPayload): FetchedBatch {
  return batch as unknown as FetchedBatch;
}

CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = lz4;
CompressionCodecs[CompressionTypes.ZSTD] = zstd;

/** A client. Make one for each consumer: clients share committed offsets between their consumers. */
export function createKafka(
  settings: KafkaSettings,
  logger: Logger,
  retry: RetryOptions = { initialRetryTime: 200, maxRetryTime: 10_000, retries: 8 },
): Kafka {
  const log = logger.child({ component: 'kafka' });
  const kafka = new Kafka({
    ...settings,
    connectionTimeout: 10_000,
    retry,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, ...fields } = entry.log;
      // kafkajs calls each pause and each rejoin an info, and each retry it recovers from an error.
      if (entry.level === logLevel.INFO) log.debug(fields, message);
      else if (entry.level !== logLevel.NOTHING) log.warn(fields, message);
    },
  });
  return asOurs(kafka);
}

/**
 * `onJoining` is called before each request to join the group. kafkajs has no event for it; what it asks
 * then, and at no other time, is how the member would like partitions to be assigned.
 */
export function createConsumer(
  kafka: Kafka,
  config: ConsumerConfig,
  onJoining: () => void = () => undefined,
): Consumer {
  const assigner: PartitionAssigner = (cluster) => {
    const roundRobin = PartitionAssigners.roundRobin(cluster);
    return {
      ...roundRobin,
      protocol(subscription) {
        onJoining();
        return roundRobin.protocol(subscription);
      },
    };
  };
  return despiteLeaderless(kafka).consumer({
    allowAutoTopicCreation: false,
    partitionAssigners: [assigner],
    ...config,
  });
}

/** Whether the same request may succeed later, where kafkajs has given up for now. */
export function isRetriableKafkaError(error: unknown): boolean {
  if (!(error instanceof KafkaJSError)) return false;
  return error.retriable || isRetriableKafkaError((error as { cause?: unknown }).cause);
}

/**
 * Runs `use` with a connected admin client. Requests that name a topic fail while one of its partitions has
 * no leader, unless `leaderless` allows it: for what needs no leader.
 */
export async function withAdmin<T>(
  kafka: Kafka,
  use: (admin: Admin) => Promise<T>,
  { leaderless = false } = {},
): Promise<T> {
  const admin = (leaderless ? despiteLeaderless(kafka) : kafka).admin();
  try {
    await admin.connect();
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

export type { Kafka };

export const GZIP = CompressionTypes.GZIP;

/** One setting of a topic, as the broker applies it. */
export async function topicConfig(
  admin: Admin,
  topic: string,
  name: string,
): Promise<string | undefined> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
  });
  return resources[0]?.configEntries[0]?.configValue;
}

/** The error code's name as Kafka gives it (`UNKNOWN_TOPIC_OR_PARTITION`), where there is one. */
export function kafkaErrorType(error: unknown): string | undefined {
  if (error instanceof KafkaJSProtocolError) return error.type;
  // Each request of ours that gets such an error was about one thing.
  if (error instanceof KafkaJSAggregateError) return kafkaErrorType(error.errors[0]);
  const cause = error instanceof KafkaJSError ? (error as { cause?: unknown }).cause : undefined;
  return cause ? kafkaErrorType(cause) : undefined;
}

/** What is wrong, for people outside: the error's name as Kafka gives it, and never a broker's address. */
export function publicKafkaError(error: unknown): string {
  return kafkaErrorType(error) ?? 'Kafka can not be reached';
}

/** Whether no broker could be reached, after all tries. */
export function isKafkaUnreachable(error: unknown): boolean {
  if (error instanceof KafkaJSConnectionError) return true;
  const cause = error instanceof KafkaJSError ? (error as { cause?: unknown }).cause : undefined;
  return cause !== undefined && isKafkaUnreachable(cause);
}

/** Headers as kafkajs sends them; a name that stands more than once becomes a list. */
export function toKafkaHeaders(headers: KafkaRecord['headers']): Record<string, Buffer | Buffer[]> {
  const lists = new Map<string, Buffer[]>();
  for (const [name, value] of headers) {
    const list = lists.get(name);
    if (list) list.push(value ?? NULL_HEADER);
    else lists.set(name, [value ?? NULL_HEADER]);
  }
  return Object.fromEntries(lists);
}
