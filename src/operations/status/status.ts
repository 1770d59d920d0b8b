import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { brakeOf } from '../../temporal/brake';
import { slowWorkflows, type SlowWorkflows } from '../../temporal/open-workflows';
import type { AnyStream } from '../../domain/stream/stream';
import { existingEnds } from '../topic/read-topic';
import { groupProgress, type Consumers, type StalledPartition } from './status-progress';
import { heldKeys, type HeldKeysOfPartition } from './status-held';
import { countFailed, workflowCounts } from './status-workflows';

/** Workflows that are asked what they wait for. */
const MAX_LOOKED_AT = 50;

export interface StreamStatus {
  name: string;
  topic: string;
  groupId: string;
  /** Records of the topic that the group has not committed. */
  lag: number;
  lagByPartition: Record<string, number>;
  /** Members of the group that read the topic, and what each of them has. */
  consumers: Consumers;
  /** Partitions that have work and make no progress, as the bridge workers say that own them. */
  stalled: StalledPartition[];
  /** Since when and why the stream is braked; null where it is not. */
  braked: { since: string; deadLetters: number; share: number; reason: string } | null;
  /** Keys whose records wait behind a dead one, by partition. */
  held: HeldKeysOfPartition[];
  /** Workflows of the stream's records that are open. */
  running: number;
  /** What those of them wait for that are open for longer than 5 s. */
  slow: SlowWorkflows;
  /** Workflow ids whose latest run failed, among the 2,000 failed runs that closed last. */
  failed: number;
  /** Runs of the stream's records that completed. */
  completed: number;
  /** Records on its dead-letter topic: repeats count, and letters of other streams that share it. */
  deadLetters: number;
  /** Messages delivered, as bridge workers counted them since the group's first commit. */
  delivered: number;
  /** Attempts at the sink that failed and were followed by another. */
  retries: number;
  /** Records that the stream passed by, as its `onNull` says. */
  filtered: number;
  /** Duplicates skipped, by the layer that saw them. */
  duplicates: { recent: number; workflowId: number; sink: number };
  /** Records that were looked at for duplicates, by whichever layer. */
  checked: number;
  /** Duplicates per record checked, 0 to 1; 0 where none was checked. */
  duplicateRate: number;
  /** The memory of layer `recent`, in all bridge workers of the group together. */
  recent: {
    /** Messages remembered, as of each bridge worker's last commit. */
    entries: number;
    /** Messages forgotten before their time, because the memory was full. */
    evictions: number;
    /** Duplicates that waited for the first of their kind. */
    lockWaits: number;
  };
  /** Of the successful attempts at the sink, in milliseconds; null where there was none. */
  averageDeliveryMs: number | null;
}

export async function streamStatus(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
): Promise<StreamStatus> {
  const { name, topic, groupId } = stream;
  const [progress, counts, slow, failed, deadLetters, brake, held] = await Promise.all([
    groupProgress(kafka, stream),
    workflowCounts(client, stream),
    slowWorkflows(client, stream, { limit: MAX_LOOKED_AT }),
    countFailed(client, stream),
    countDeadLetters(kafka, stream),
    brakeOf(client, stream),
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

/** By offsets alone: the topic is kept for ever, and to read it takes longer each day. */
async function countDeadLetters(kafka: Kafka, { deadLetterTopic }: AnyStream): Promise<number> {
  const ends = (await existingEnds(kafka, deadLetterTopic)) ?? [];
  return ends.reduce((sum, { low, high }) => sum + high - low, 0);
}
