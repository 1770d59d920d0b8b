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

type Stock = Pick<typeof stock, 'reserve' | 'release'>;
type Deliver = Pick<RecordActivities, 'deliver'>;

/** Without a limit of attempts: a reservation that nobody releases would stay for ever. */
const { release } = proxyActivities<Stock>({ startToCloseTimeout: '10s' });

/** Takes the place of `deliverRecord`. Ends Failed, with a dead letter, when a step fails for good. */
export async function reserveThenConfirm(
  record: RecordInput,
  policy: RetryPolicy,
): Promise<DeliverResult> {
  const retry = {
    maximumAttempts: policy.maximumAttempts,
    initialInterval: policy.initialIntervalMs,
    maximumInterval: policy.maximumIntervalMs,
  };
  const { reserve } = proxyActivities<Stock>({ startToCloseTimeout: '10s', retry });
  const { deliver } = proxyActivities<Deliver>({
    startToCloseTimeout: policy.attemptTimeoutMs,
    // `deliver` heartbeats: the attempt of a worker that is gone is made again after this time.
    heartbeatTimeout: '10s',
    retry,
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
