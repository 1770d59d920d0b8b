// The declarations of this folder name parts of kafkajs that have no types of their own. The package has that file too.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- it declares modules, and is none to import
/// <reference path="./kafkajs-internals.d.ts" preserve="true" />
import {
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  KafkaJSAggregateError,
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSProtocolError,
  logLevel,
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type EachBatchPayload,
  type RetryOptions,
  type SASLOptions,
} from 'kafkajs';
import type { Logger } from 'pino';
import { clientIdFault } from './client-id';
import { UsageError } from '../domain/errors';
import type { KafkaRecord } from '../domain/record/record';
import { knownLogs, type FetchedBatch, type KnownLog } from './fetch/consumer-fetch';
import { createAssigner } from './group';
import { closeOnTimeout, forgetOldBytes } from './kafkajs-patches/connections';
import { retryCoordinator } from './kafkajs-patches/coordinator';
import './kafkajs-patches/default-offset';
import './kafkajs-patches/encoder';
import './kafkajs-patches/fetch';
import { connectOnce } from './kafkajs-patches/first-fetches';
import { stopIdleTimer } from './kafkajs-patches/idle-timer';
import { despiteLeaderless } from './kafkajs-patches/leaderless';
import { askThoseThatAnswer } from './kafkajs-patches/lost-brokers';
import { NULL_HEADER } from './kafkajs-patches/null-header';
import { patchClusters, patchConnections, withClusters } from './kafkajs-patches/our-clusters';
import './kafkajs-patches/rejoin';
import { missingRight } from './kafkajs-patches/rights';
import { takeAddresses } from './kafkajs-patches/seed-brokers';

/**
 * Only this folder knows kafkajs. kafkajs has had no release since 2023, so `kafkajs-patches/` repairs it, at the
 * exact version that package.json pins. Each patch changes only what clients of `createKafka` do.
 */
export type { Admin, Consumer, EachBatchPayload, Message, Producer } from 'kafkajs';
export type { FetchedBatch, KnownLog };

/** Texts in PEM format. `cert` and `key` are the client's own, for brokers that ask for them. */
export interface KafkaTls {
  /** Certificates of the authorities that may vouch for a broker. Default: those that Node knows. */
  ca?: string;
  /** The client's certificate; needs `key`. Default: none. */
  cert?: string;
  /** The private key of `cert`. */
  key?: string;
}

/** How a process reaches Kafka. */
export interface KafkaSettings {
  /** `host:port` of one or more brokers, which name the others. */
  brokers: string[];
  /** What brokers call this client in their logs and quotas. */
  clientId: string;
  /** Whether to use TLS. It trusts the certificate authorities that Node knows, unless `ca` is given. */
  ssl: boolean | KafkaTls;
  /** How the client logs in: kafkajs's options of a SASL mechanism. Default: no login. */
  sasl?: SASLOptions;
}

/** Reads the batch, which `kafkajs-patches/fetch.ts` has made, from the payload of a consumer's handler. */
export function fetchedBatch({ batch }: EachBatchPayload): FetchedBatch {
  return batch as unknown as FetchedBatch;
}

/**
 * Makes a client. Make one for each consumer, because the consumers of a client share their committed offsets.
 * Throws a UsageError if the client id is too long.
 */
export function createKafka(
  settings: KafkaSettings,
  logger: Logger,
  retry: RetryOptions = { initialRetryTime: 200, maxRetryTime: 10_000, retries: 8 },
): Kafka {
  const fault = clientIdFault(settings.clientId);
  if (fault) throw new UsageError(`the client id for Kafka ${fault}`);
  const log = logger.child({ component: 'kafka' });
  const kafka = new Kafka({
    ...settings,
    connectionTimeout: 10_000,
    retry,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, ...fields } = entry.log;
      // kafkajs logs each pause and each rejoin as info, and each failed try that it repeats as an error.
      if (entry.level === logLevel.INFO) log.debug(fields, message);
      else if (entry.level !== logLevel.NOTHING) log.warn(fields, message);
    },
  });
  patchClusters(
    kafka,
    // The first patch is the innermost.
    (cluster) => takeAddresses(cluster, settings.brokers),
    retryCoordinator,
    askThoseThatAnswer,
    (cluster) =>
      patchConnections(cluster, stopIdleTimer, forgetOldBytes, connectOnce, closeOnTimeout),
  );
  return kafka;
}

export interface GroupConsumer extends Consumer {
  /** The right that the consumer waits for, by the name of Kafka's error; undefined if it waits for none. */
  missingRight(this: void): string | undefined;
}

/**
 * Makes a consumer of a group. `onJoining` is called before each request to join the group. `knownLog` is called
 * before each fetch, so that the broker can tell whether the log is still the one that was read.
 */
export function createConsumer(
  kafka: Kafka,
  config: ConsumerConfig,
  onJoining: () => void = () => undefined,
  knownLog: (partition: number, offset: number) => KnownLog = () => ({}),
): GroupConsumer {
  let own: object | undefined;
  const client = withClusters<object>(despiteLeaderless(kafka), (cluster) => {
    own = cluster;
    knownLogs.set(cluster, knownLog);
  });
  const consumer = client.consumer({
    allowAutoTopicCreation: false,
    partitionAssigners: [createAssigner(onJoining)],
    ...config,
  });
  return Object.assign(consumer, { missingRight: () => own && missingRight(own) });
}

/** Whether the same request may succeed later, although kafkajs has given up for now. */
export function isRetriableKafkaError(error: unknown): boolean {
  if (!(error instanceof KafkaJSError)) return false;
  return error.retriable || isRetriableKafkaError((error as { cause?: unknown }).cause);
}

/**
 * Runs `use` with a connected admin client. Requests that name a topic fail while one of its partitions has no
 * leader. `leaderless` lets them succeed, for work that needs no leader.
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

/**
 * An admin client that stays connected, for callers that ask again and again and need no leader. It connects at the
 * first question, and anew at the first question after an error.
 */
export class KeptAdmin {
  #admin: Promise<Admin> | undefined;

  constructor(private readonly kafka: Kafka) {}

  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    this.#admin ??= connected(this.kafka);
    const admin = this.#admin;
    try {
      return await question(await admin);
    } catch (error) {
      if (this.#admin === admin) await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await (await admin?.catch(() => undefined))?.disconnect();
  }
}

async function connected(kafka: Kafka): Promise<Admin> {
  const admin = despiteLeaderless(kafka).admin();
  try {
    await admin.connect();
    return admin;
  } catch (error) {
    await admin.disconnect();
    throw error;
  }
}

export type { Kafka };

export const GZIP = CompressionTypes.GZIP;

/** The value of one setting of a topic, as the broker applies it; undefined if there is none. */
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

/** The name that Kafka gives the error (`UNKNOWN_TOPIC_OR_PARTITION`); undefined for other errors. */
export function kafkaErrorType(error: unknown): string | undefined {
  if (error instanceof KafkaJSProtocolError) return error.type;
  // Each of our requests that gets such an error asks about one thing only.
  if (error instanceof KafkaJSAggregateError) return kafkaErrorType(error.errors[0]);
  const cause = error instanceof KafkaJSError ? (error as { cause?: unknown }).cause : undefined;
  return cause ? kafkaErrorType(cause) : undefined;
}

/** Describes an error to people outside: by the name that Kafka gives it, and never with a broker's address. */
export function publicKafkaError(error: unknown): string {
  return kafkaErrorType(error) ?? "Kafka can't be reached";
}

/** Whether no broker could be reached, after all tries. */
export function isKafkaUnreachable(error: unknown): boolean {
  if (error instanceof KafkaJSConnectionError) return true;
  const cause = error instanceof KafkaJSError ? (error as { cause?: unknown }).cause : undefined;
  return cause !== undefined && isKafkaUnreachable(cause);
}

/**
 * Headers as kafkajs sends them, each at its position. kafkajs accepts an object, in which a name can't come again
 * behind another name: the headers A, B, A would become A, A, B. But kafkajs gets the pairs of name and value by a
 * call of `map` on a list of values. The `map` of this list returns all headers.
 */
export function toKafkaHeaders(headers: KafkaRecord['headers']): Record<string, Buffer[]> {
  return { inOrder: new HeaderPairs(headers) };
}

class HeaderPairs extends Array<never> {
  readonly #pairs: { key: string; value: Buffer }[];

  constructor(headers: KafkaRecord['headers']) {
    super();
    this.#pairs = headers.map(([key, value]) => ({ key, value: value ?? NULL_HEADER }));
  }

  override map<T>(): T[] {
    return this.#pairs as T[];
  }
}
