import { isCancellation, proxyActivities, proxyLocalActivities, sleep } from '@temporalio/workflow';
import type { DeliverResult, RecordActivities } from '../domain/workflow/record-activities';
import type { RecordInput } from '../domain/record/record';
import type { RetryPolicy } from '../domain/stream/retry-policy';
import { deadLetter } from './dead-letter';
import { activityFailure } from './failure';
import type { RecordFailure } from '../domain/workflow/failure';

type Deliver = Pick<RecordActivities, 'deliver'>;

/**
 * Limits of the fast attempts, in milliseconds. The SDK splits a workflow task that lasts longer than 80 % of its
 * 10 s timeout, which costs the server three events each time. The fast attempts end before that.
 */
const FAST_STAGE = { scheduleToCloseTimeout: 7_000, startToCloseTimeout: 5_000 };
const FAST_RETRY_INTERVAL_MS = 100;

/** After this long without a heartbeat the server notices that a worker is frozen or gone. */
const HEARTBEAT_TIMEOUT_MS = 10_000;

/**
 * Delivers one record: first by a few fast attempts inside the first workflow task, then by the regular activity
 * under the stream's retry policy. A record that neither delivers goes to the dead-letter topic.
 */
export async function deliverRecord(
  record: RecordInput,
  retry: RetryPolicy,
): Promise<DeliverResult> {
  const { earlierAttempts: attempts = 0 } = record;
  let failure: RecordFailure = { type: '', message: '', attempts };
  for (const stage of [fastStage, retryStage]) {
    const earlierAttempts = failure.attempts;
    try {
      return await stage(record, retry, earlierAttempts);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { type, message, attempts, retryable, retryAfterMs } = activityFailure(error);
      failure = { type, message, attempts: earlierAttempts + attempts };
      if (!retryable) break;
      // The server observes Retry-After between attempts of one activity, but not between two activities.
      if (stage === fastStage && retryAfterMs) await sleep(retryAfterMs);
    }
  }
  return deadLetter(record, failure);
}

function fastStage(
  record: RecordInput,
  retry: RetryPolicy,
  earlierAttempts: number,
): Promise<DeliverResult> {
  const { deliver } = proxyLocalActivities<Deliver>({
    ...FAST_STAGE,
    retry: {
      maximumAttempts: retry.fastAttempts,
      initialInterval: FAST_RETRY_INTERVAL_MS,
      backoffCoefficient: 1,
      // These end the fast attempts only; the slow attempts follow. Throttled: a sink that asks for a pause gets the
      // pause outside of the workflow task. HeadOfKey: so is the head of a held key delivered.
      nonRetryableErrorTypes: ['Throttled', 'HeadOfKey'],
    },
  });
  return deliver(record, earlierAttempts);
}

function retryStage(
  record: RecordInput,
  retry: RetryPolicy,
  earlierAttempts: number,
): Promise<DeliverResult> {
  const { deliver } = proxyActivities<Deliver>({
    startToCloseTimeout: retry.attemptTimeoutMs,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: {
      maximumAttempts: retry.maximumAttempts,
      initialInterval: retry.initialIntervalMs,
      backoffCoefficient: retry.backoffCoefficient,
      maximumInterval: Math.max(retry.maximumIntervalMs, retry.initialIntervalMs),
    },
  });
  return deliver(record, earlierAttempts);
}
