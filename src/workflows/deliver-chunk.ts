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
import type { RetryPolicy } from '../domain/stream/retry-policy';
import { activityFailure } from './failure';
import { reservedQueue } from './reserved-queue';

type Deliver = Pick<RecordActivities, 'deliverChunk'>;

/** One attempt from memory, within the workflow task; see {@link deliverRecord} for the times. */
const { deliverChunk: deliverFromMemory } = proxyLocalActivities<Deliver>({
  scheduleToCloseTimeout: 7_000,
  startToCloseTimeout: 6_500,
  retry: { maximumAttempts: 1 },
});

/** A chunk of a slow sink takes long; that it lives is seen from its heartbeats. */
const ATTEMPT_TIMEOUT_MS = 10 * 60_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;

/**
 * Delivers a chunk: once from the memory of the process that consumed it, then by the regular activity,
 * which any worker may run and which reads the records back where it does not hold them. It is tried
 * until the sink takes the chunk; records that can't be delivered leave it for workflows of their own.
 */
export async function deliverChunk(chunk: ChunkInput, retry: RetryPolicy): Promise<ChunkResult> {
  const result = await deliver(chunk, retry);
  if (result.expired > 0) {
    throw ApplicationFailure.nonRetryable(
      `${result.expired} of ${chunk.count} records are no longer on the broker`,
      'RecordsExpired',
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
