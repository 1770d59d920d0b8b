import { ApplicationFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RecordActivities } from '../domain/workflow/record-activities';
import type { RecordEnvelope } from '../domain/record/record';
import type { RecordFailure } from '../domain/workflow/failure';
import { reservedQueue } from './reserved-queue';

/** All that an attempt has. A second before, the activity ends, and its producer begins no further try. */
const ATTEMPT_TIMEOUT = '2m';
/** An attempt that has reached no worker, or whose worker is gone, is noticed after this long. */
const HEARTBEAT_TIMEOUT = '15s';

/**
 * Sends the record to the stream's dead-letter topic, then ends the workflow Failed with type
 * `DeadLettered`, so that it can be listed and replayed. Never returns.
 */
export async function deadLetter(
  record: RecordEnvelope & { messageId?: string },
  failure: RecordFailure,
): Promise<never> {
  // Retried until the broker takes the letter: there is nowhere else for the record to go.
  const activities = proxyActivities<Pick<RecordActivities, 'deadLetter'>>({
    taskQueue: reservedQueue(workflowInfo().taskQueue),
    startToCloseTimeout: ATTEMPT_TIMEOUT,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });
  await activities.deadLetter(record, failure);
  throw ApplicationFailure.nonRetryable(
    `${failure.type}: ${failure.message}`,
    'DeadLettered',
    failure,
  );
}
