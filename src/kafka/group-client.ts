import type { Logger } from 'pino';
import type { CommittedOffset } from './group-offsets';
import {
  createConsumer,
  createKafka,
  withAdmin,
  type GroupConsumer,
  type KafkaSettings,
  type KnownLog,
} from './kafka';
import { createOffsetReader, type OffsetReader } from './offsets';

/** How long the group keeps the partitions of a killed member assigned to it. */
export const SESSION_TIMEOUT_MS = 15_000;
/** How long a join may wait for the other members of the group. */
export const REBALANCE_TIMEOUT_MS = 60_000;
/** How long it takes until partitions that were added to the topic are read. Kafka's own client takes five minutes. */
const METADATA_MAX_AGE_MS = 30_000;

/** What a consumer of a group calls. */
export interface ConsumerCallbacks {
  /** Called before each request to join the group. */
  onJoining(this: void): void;
  /** Called before each fetch, so that the broker can tell whether the log is still the one that was read. */
  knownLog(this: void, partition: number, offset: number): KnownLog;
  /** Whether the consumer starts again after a crash from which it can recover. */
  restarts(this: void): boolean;
}

/** What one member of a consumer group asks of Kafka. The group reads one topic. */
export interface GroupClient {
  /** Creates the consumer of this member. Call it once. */
  createConsumer(callbacks: ConsumerCallbacks): GroupConsumer;
  /** Asks what the group has committed on each partition of the topic. */
  committed(): Promise<CommittedOffset[]>;
  /** Reads where the log of each partition begins and ends. It skips partitions whose leader can't be asked. */
  readonly offsets: OffsetReader;
}

/**
 * Creates a group client with a Kafka client of its own. Create one for each consumer, because kafkajs shares committed
 * offsets between the consumers of one Kafka client.
 */
export function createGroupClient(
  settings: KafkaSettings,
  { topic, groupId }: { topic: string; groupId: string },
  logger: Logger,
): GroupClient {
  const kafka = createKafka(settings, logger);
  return {
    createConsumer: ({ onJoining, knownLog, restarts }) =>
      createConsumer(
        kafka,
        {
          groupId,
          sessionTimeout: SESSION_TIMEOUT_MS,
          heartbeatInterval: 3_000,
          rebalanceTimeout: REBALANCE_TIMEOUT_MS,
          minBytes: 1,
          // If every partition is paused, kafkajs sleeps for this time before it looks again.
          maxWaitTimeInMs: 200,
          maxBytesPerPartition: 1024 * 1024,
          metadataMaxAge: METADATA_MAX_AGE_MS,
          retry: { restartOnFailure: () => Promise.resolve(restarts()) },
        },
        onJoining,
        knownLog,
      ),
    async committed() {
      const [committed] = await withAdmin(
        kafka,
        (admin) => admin.fetchOffsets({ groupId, topics: [topic] }),
        { leaderless: true },
      );
      return committed!.partitions;
    },
    offsets: createOffsetReader(kafka, { partial: true }),
  };
}
