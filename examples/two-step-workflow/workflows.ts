import { isCancellation, proxyActivities } from '@temporalio/workflow';
import {
  activityFailure,
  deadLetter,
  type DeliverResult,
  type RecordActivities,
  type RecordInput,
  type RetryPolicy,
} from 'cloudsync/workflow';
import type * as stock from './stock';

/** Without a limit of attempts: a reservation that nobody releases would stay for ever. */
const { release } = proxyActivities<Pick<typeof stock, 'release'>>({ startToCloseTimeout: '10s' });

/** Takes the place of `deliverRecord`. Ends Failed, with a dead letter, when a step fails for good. */
export async function reserveThenConfirm(
  record: RecordInput,
  policy: RetryPolicy,
): Promise<DeliverResult> {
  const { reserve, deliver } = proxyActivities<
    Pick<typeof stock, 'reserve'> & Pick<RecordActivities, 'deliver'>
  >({
    startToCloseTimeout: policy.attemptTimeoutMs,
    heartbeatTimeout: '10s',
    retry: {
      initialInterval: policy.initialIntervalMs,
      maximumAttempts: policy.maximumAttempts,
      maximumInterval: policy.maximumIntervalMs,
    },
  });
  try {
    await reserve(record);
    return await deliver(record, 0);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { type, message, attempts } = activityFailure(error);
    // Even where `reserve` failed: it may have taken effect, and only its answer was lost.
    await release(record.messageId);
    return deadLetter(record, { type, message, attempts });
  }
}
