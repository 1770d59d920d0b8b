import { setMaxListeners } from 'node:events';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ChunkDependencies } from './dependencies';
import type { RecordReader } from '../../kafka/reader';
import { describeRange, type ChunkInput } from '../../domain/workflow/chunk';
import {
  deliveredCount,
  newProgress,
  type ChunkProgress,
} from '../../domain/workflow/chunk-progress';
import type { WorkflowFailureType } from '../../domain/workflow/failure';
import type { Predecessor } from '../../domain/workflow/key-hash';
import type { KafkaRecord } from '../../domain/record/record';
import type { RetryPolicy } from '../../domain/stream/retry-policy';
import { within } from '../../telemetry/tracing';
import { withHeartbeats } from '../attempt/heartbeat';
import { ChunkAttempt } from './chunk-attempt';
import { createChunkDelivery } from './chunk-delivery';
import { deliverByKey } from './deliver-by-key';
import { deliverUnordered } from './deliver-unordered';
import type { ChunkResult } from '../../domain/workflow/record-activities';

/**
 * One attempt at a chunk: delivers its records to the sink. A record that fails for good leaves the chunk for a
 * workflow of its own. So does a record that fails for a while, if few do. If many do, the sink is down: the attempt
 * fails, Temporal repeats it, and the records that are settled stay settled.
 */
export async function deliverChunk(
  deps: ChunkDependencies,
  chunk: ChunkInput,
  retry: RetryPolicy,
): Promise<ChunkResult> {
  const { info, cancellationSignal } = Context.current();
  // Each write under way listens to the signal. Node warns of a leak when more than ten listeners do.
  setMaxListeners(0, cancellationSignal);
  return withHeartbeats(async () => {
    const remembered = deps.remembered?.get(chunk);
    if (!remembered && info.isLocal) {
      const message = `the records of ${describeRange(chunk)} are not in this process`;
      throw ApplicationFailure.nonRetryable(message, 'ChunkNotHeld' satisfies WorkflowFailureType);
    }
    const { progress, expired } = remembered
      ? { progress: remembered, expired: 0 }
      : await readBack(deps.reader, chunk);
    const span = deps.tracing?.processChunk(deps.stream, chunk, progress.records, info);
    const attempt = async () => {
      const parts = createChunkDelivery(
        deps,
        new ChunkAttempt(chunk, retry, progress, span?.trace),
      );
      try {
        await (deps.stream.ordering === 'none' ? deliverUnordered(parts) : deliverByKey(parts));
      } finally {
        parts.locks.releaseAll();
      }
      if (expired > 0) deps.events.expired(expired);
      const { duplicates, handedOn, filtered } = progress;
      // Only when the attempt has succeeded: an attempt that reads the records back counts from zero.
      if (filtered > 0) deps.events.filtered(chunk.partition, filtered);
      const delivered = deliveredCount(progress);
      const tails = tailsOf(chunk, progress);
      return {
        ...{ delivered, duplicates, handedOn, expired },
        ...(filtered > 0 && { filtered }),
        ...(tails.length > 0 && { tails }),
      };
    };
    return within(span, attempt, spanAttributes);
  });
}

function spanAttributes({ delivered, duplicates, handedOn, expired }: ChunkResult) {
  return {
    'cloudsync.chunk.delivered': delivered,
    'cloudsync.chunk.duplicates': duplicates,
    'cloudsync.chunk.handed_on': handedOn,
    'cloudsync.chunk.expired': expired,
  };
}

/**
 * Reads the chunk's records from Kafka. `expired` counts the records that retention has deleted. Reads from the first
 * record, not from the beginning of the range: the range may begin inside a batch that can't be read and belongs to
 * the chunk before.
 */
async function readBack(
  reader: RecordReader,
  { topic, partition, last, count, firstRecord, timestamp }: ChunkInput,
): Promise<{ progress: ChunkProgress; expired: number }> {
  const records: KafkaRecord[] = [];
  const from = Math.max(firstRecord, await reader.earliest(topic, partition));
  for await (const record of reader.read(topic, partition, from, last + 1)) records.push(record);
  const found = records.find(({ offset }) => offset === firstRecord);
  // If the topic was created again, these are other records, and have chunks of their own.
  if (found && found.timestamp !== timestamp) return { progress: newProgress([]), expired: count };
  return { progress: newProgress(records), expired: Math.max(count - records.length, 0) };
}

/**
 * The last workflow of each key whose records left in this chunk. Whoever started the chunk knows the workflows of
 * `after`.
 */
function tailsOf({ after = [] }: ChunkInput, { left }: ChunkProgress): Predecessor[] {
  const known = new Map(after);
  return [...left].filter(([keyHash, workflowId]) => known.get(keyHash) !== workflowId);
}
