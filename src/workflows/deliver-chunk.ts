import {
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChunkResult, RecordActivities } from '../domain/workflow/record-activities';
import type { ChunkInput } from '../domain/workflow/chunk';
import type { WorkflowFailureType } from '../domain/workflow/failure';
import type { RetryPolicy } from '../domain/stream/retry-policy';
import { activityFailure } from './failure';
import { reservedQueue } from './reserved-queue';

type Deliver = Pick<RecordActivities, 'deliverChunk'>;

/**
 * One attempt with the records in memory, inside the workflow task. For the time limits, in milliseconds, see
 * `FAST_STAGE` in `deliver-record.ts`.
 */
const { deliverChunk: deliverFromMemory } = proxyLocalActivities<Deliver>({
  scheduleToCloseTimeout: 7_000,
  startToCloseTimeout: 6_500,
  retry: { maximumAttempts: 1 },
});

/** The limit is long because a slow sink needs long for a chunk. Heartbeats show that the attempt is alive. */
const ATTEMPT_TIMEOUT_MS = 10 * 60_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;

/**
 * Delivers a chunk. The first attempt uses the records in the memory of the process that consumed them. The regular
 * activity makes all further attempts, until the sink accepts the chunk. Any worker may run the activity; a worker
 * that does not have the records in memory reads them from Kafka again. Records that can't be delivered leave the
 * chunk and get workflows of their own. Fails with `RecordsExpired` if the broker no longer has all records.
 */
export async function deliverChunk(chunk: ChunkInput, retry: RetryPolicy): Promise<ChunkResult> {
  const result = await deliver(chunk, retry);
  if (result.expired > 0) {
    throw ApplicationFailure.nonRetryable(
      `${result.expired} of ${chunk.count} records are no longer on the broker`,
      'RecordsExpired' satisfies WorkflowFailureType,
      result,
    );
  }
  return result;
}

async function deliver(chunk: ChunkInput, retry: RetryPolicy): Promise<ChunkResult> {
  try {
    return await deliverFromMemory(chunk, retry);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { retryAfterMs } = activityFailure(error);
    if (retryAfterMs) await sleep(retryAfterMs);
  }
  const { deliverChunk: deliverAnywhere } = proxyActivities<Deliver>({
    taskQueue: reservedQueue(workflowInfo().taskQueue),
    startToCloseTimeout: ATTEMPT_TIMEOUT_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: {
      initialInterval: retry.initialIntervalMs,
      backoffCoefficient: retry.backoffCoefficient,
      maximumInterval: Math.max(retry.maximumIntervalMs, retry.initialIntervalMs),
    },
  });
  return deliverAnywhere(chunk, retry);
}
