import { BatchingProducer } from '../kafka/producer/batching-producer';
import {
  createKafka,
  isRetriableKafkaError,
  publicKafkaError,
  type KafkaSettings,
} from '../kafka/kafka';
import { createProducer } from '../kafka/producer/producer';
import { requireTokens } from '../http/admission';
import { createCheck } from '../http-producer/check';
import { listen } from '../http/listen';
import { API_PACKAGES, createApiServer } from '../http-producer/server';
import { TopicWatch } from '../http-producer/topic-watch';
import type { ApiSettings } from '../settings/http-producer';
import { UsageError } from '../domain/errors';
import { requireInstalled } from '../domain/optional-packages';
import type { AnyStream } from '../domain/stream/stream';
import { Releasers, type Service } from '../lib/lifecycle';
import type { Logger } from '../telemetry/logger';
import { createMetrics, startIngestAtZero, type Metrics } from '../telemetry/metrics';
import { requireTopics } from '../operations/topics';
import type { Tracing } from '../telemetry/tracing';

export interface ApiOptions {
  kafka: KafkaSettings;
  /** The streams of one topic. A message is accepted only if it is valid for all of them. */
  streams: AnyStream[];
  api: ApiSettings;
  logger: Logger;
  metrics?: Metrics;
  /** Spans; default: none. */
  tracing?: Tracing | undefined;
}

/** An HTTP producer that listens. */
export interface ApiService extends Service {
  /** `http://host:port`. */
  url: string;
}

/** kafkajs makes only a few tries, because the batching producer tries for as long as a request waits. */
const KAFKA_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 };
const BATCH = { batchRecords: 2_000, inFlight: 5 };
const MAX_BATCH_BYTES = 1024 * 1024;
/**
 * Times of a stop, in milliseconds. `answeredMs`: by when every request is answered. `closedMs`: when open connections
 * are cut. `drainedMs`: how long the last batches may take. `disconnectedMs`: how long the disconnect may take.
 */
const STOP = { answeredMs: 10_000, closedMs: 14_000, drainedMs: 8_000, disconnectedMs: 3_000 };

/**
 * Starts the HTTP producer, which sends messages that come over HTTP to the topic of the streams. Resolves when the
 * producer listens. Rejects if the broker can't be reached. Rejects with a {@link UsageError} if:
 * - the streams have several topics,
 * - the topic does not exist,
 * - the producer would be open to everybody, or
 * - the server's packages are not installed.
 */
export async function createApi(options: ApiOptions): Promise<ApiService> {
  const { streams, api, logger } = options;
  requireInstalled('the HTTP producer', API_PACKAGES);
  const metrics = options.metrics ?? createMetrics();
  startIngestAtZero(metrics);
  const topic = topicOf(streams);
  requireTokens(api, { host: 'CLOUDSYNC_API_HOST', tokens: 'CLOUDSYNC_API_TOKENS' });
  const kafka = createKafka(options.kafka, logger, KAFKA_RETRY);
  await requireTopics(kafka, [topic]);
  const releasers = new Releasers();
  try {
    const watch = new TopicWatch(kafka, topic, logger);
    releasers.push(() => watch.stop());
    await watch.start();
    const client = createProducer(kafka, { tries: 1 });
    await client.connect();
    // A disconnect waits for answers, which a broker that hangs does not give.
    releasers.push(() => within(STOP.disconnectedMs, client.disconnect()));
    const producer = new BatchingProducer({
      send: (messages) => client.send({ topic, acks: -1, messages }),
      isRetriable: isRetriableKafkaError,
      reasonOf: publicKafkaError,
      limits: {
        ...BATCH,
        ...api,
        batchBytes: () => Math.min(MAX_BATCH_BYTES, watch.maxRecordBytes),
      },
      onQueue: (records, bytes) => {
        metrics.ingestQueueRecords.set(records);
        metrics.ingestQueueBytes.set(bytes);
      },
      onBatch: (records) => metrics.ingestBatchRecords.observe(records),
      onFailure: (error, records) =>
        logger.warn({ err: error, topic, records }, 'A batch was not acknowledged'),
    });
    let stopped: Promise<void> | undefined;
    const faults = (): Record<string, string> => ({
      ...(stopped && { process: 'stopping' }),
      ...(watch.fault && { kafka: watch.fault }),
      ...(producer.recentFailure && { producer: producer.recentFailure }),
      ...(producer.full && { queue: 'full' }),
    });
    const check = createCheck(streams, () => watch.maxRecordBytes);
    const app = await createApiServer({
      ...{ check, producer, metrics, streams, logger, faults, topic },
      tracing: options.tracing,
      ...{ limits: api, tokens: api.tokens, requestTimeoutMs: api.requestTimeoutMs },
      stopping: () => stopped !== undefined,
    });
    const url = await listen(app, api, 'CLOUDSYNC_API_PORT');
    let ended: () => void = () => undefined;
    const stop = async () => {
      producer.hurry(STOP.answeredMs);
      const cut = setTimeout(() => app.server.closeAllConnections(), STOP.closedMs);
      await app.close();
      clearTimeout(cut);
      await within(STOP.drainedMs, producer.drain());
      await releasers.release();
      ended();
    };
    logger.info({ url, topic, docs: `${url}/docs` }, 'Listening');
    return {
      url,
      faults,
      stop: () => (stopped ??= stop()),
      ended: new Promise((resolve) => (ended = resolve)),
    };
  } catch (error) {
    await releasers.abandon(logger);
    throw error;
  }
}

function topicOf(streams: AnyStream[]): string {
  const topics = [...new Set(streams.map(({ topic }) => topic))];
  if (topics.length === 1) return topics[0]!;
  throw new UsageError(
    `messages go to one topic, but the streams have ${topics.join(', ')}: choose with --stream`,
  );
}

async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}
