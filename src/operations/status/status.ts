import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { BRAKE } from '../../domain/stream/brake';
import { PAUSE } from '../../domain/stream/pause';
import { reasonOf } from '../../temporal/lasting-state';
import { slowWorkflows, type SlowWorkflows } from '../../temporal/open-workflows';
import type { AnyStream } from '../../domain/stream/stream';
import { existingEnds } from '../topic/read-topic';
import { groupProgress, type Consumers, type StalledPartition } from './status-progress';
import { heldKeys, type HeldKeysOfPartition } from './status-held';
import { countFailed, workflowCounts } from './status-workflows';

/** Limit for the workflows that are asked what they wait for. */
const MAX_LOOKED_AT = 50;

export interface StreamStatus {
  name: string;
  topic: string;
  groupId: string;
  /** Records of the topic that the group has not committed. */
  lag: number;
  lagByPartition: Record<string, number>;
  /** Members of the group that read the topic, each with its partitions. */
  consumers: Consumers;
  /** Partitions that have work and make no progress, as their bridge workers report. */
  stalled: StalledPartition[];
  /** Since when, by whom and why the stream is paused; null if it is not paused. */
  paused: { since: string; by: string; reason: string | null } | null;
  /** Since when and why the stream is braked; null if it is not braked. */
  braked: { since: string; deadLetters: number; share: number; reason: string } | null;
  /** Held keys, whose records wait behind a dead one, by partition. */
  held: HeldKeysOfPartition[];
  /** Open workflows of the stream's records. */
  running: number;
  /** The stream's workflows that have been open for longer than 5 s, with the reasons why. */
  slow: SlowWorkflows;
  /** Workflow ids whose latest run failed, among the 2,000 failed runs that closed last. */
  failed: number;
  /** Runs of the stream's records that completed. */
  completed: number;
  /**
   * Records on the stream's dead-letter topic, including repeats and letters of other streams that share the
   * topic.
   */
  deadLetters: number;
  /** Messages delivered, as bridge workers counted them since the group's first commit. */
  delivered: number;
  /** Failed attempts at the sink that were followed by another attempt. */
  retries: number;
  /** Records that the stream filtered out, as its `onNull`, `accept` or `filter` says. */
  filtered: number;
  /** Skipped duplicates, by the dedupe layer that saw them. */
  duplicates: { recent: number; workflowId: number; sink: number };
  /** Records that any dedupe layer has checked. */
  checked: number;
  /** Duplicates per checked record, 0 to 1; 0 if no record was checked. */
  duplicateRate: number;
  /** The memory of the dedupe layer `recent`, in all bridge workers of the group together. */
  recent: {
    /** Messages that are remembered, as of each bridge worker's last commit. */
    entries: number;
    /** Messages that were forgotten early, because the memory was full. */
    evictions: number;
    /** Duplicates that waited while the first record with their content was in flight. */
    lockWaits: number;
  };
  /** Average of the successful attempts at the sink, in milliseconds; null if there was none. */
  averageDeliveryMs: number | null;
}

export async function streamStatus(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
): Promise<StreamStatus> {
  const { name, topic, groupId } = stream;
  const [progress, counts, slow, failed, deadLetters, pause, brake, held] = await Promise.all([
    groupProgress(kafka, stream),
    workflowCounts(client, stream),
    slowWorkflows(client, stream, { limit: MAX_LOOKED_AT }),
    countFailed(client, stream),
    countDeadLetters(kafka, stream),
    reasonOf(client, PAUSE, stream),
    reasonOf(client, BRAKE, stream),
    heldKeys(client, stream),
  ]);
  const { totals, recentIds } = progress;
  const { recent, workflowId, sink, delivered, retries, checked, filtered } = totals;
  const { evictions, lockWaits } = totals;
  return {
    name,
    topic,
    groupId,
    lag: progress.lag,
    lagByPartition: progress.lagByPartition,
    consumers: progress.consumers,
    stalled: progress.stalled,
    paused: pause ? { since: pause.since, by: pause.by, reason: pause.reason } : null,
    braked: brake
      ? {
          since: brake.since,
          deadLetters: brake.deadLetters,
          share: brake.share,
          reason: brake.errorType,
        }
      : null,
    held,
    ...counts,
    slow,
    failed,
    deadLetters,
    delivered,
    retries,
    filtered,
    duplicates: { recent, workflowId, sink },
    checked,
    duplicateRate: checked === 0 ? 0 : (recent + workflowId + sink) / checked,
    recent: { entries: recentIds, evictions, lockWaits },
    averageDeliveryMs:
      totals.deliveries === 0 ? null : totals.deliveryMicros / totals.deliveries / 1_000,
  };
}

/** Counts by offsets alone. The topic is kept for ever, so reading it takes longer each day. */
async function countDeadLetters(kafka: Kafka, { deadLetterTopic }: AnyStream): Promise<number> {
  const ends = (await existingEnds(kafka, deadLetterTopic)) ?? [];
  return ends.reduce((sum, { low, high }) => sum + high - low, 0);
}
