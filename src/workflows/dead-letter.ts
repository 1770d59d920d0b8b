import {
  ApplicationFailure,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { RecordActivities } from '../domain/workflow/record-activities';
import type { RecordEnvelope } from '../domain/record/record';
import type { RecordFailure } from '../domain/workflow/failure';
import { failedDetails } from './failed-details';
import { reservedQueue } from './reserved-queue';

/** Time limit of one attempt. The activity ends one second earlier; its producer then begins no further try. */
const ATTEMPT_TIMEOUT = '2m';
/** After this long without a heartbeat the server notices an attempt that reached no worker, or lost its worker. */
const HEARTBEAT_TIMEOUT = '15s';

/**
 * Sends the record to the stream's dead-letter topic, then fails the workflow with the error type
 * `DeadLettered`, so that people can list and replay it. Never returns.
 */
export async function deadLetter(
  record: RecordEnvelope & { messageId?: string },
  failure: RecordFailure,
): Promise<never> {
  // Retried until the broker accepts the dead letter: there is no other place for the record.
  const { taskQueue, workflowId } = workflowInfo();
  const activities = proxyActivities<Pick<RecordActivities, 'deadLetter'>>({
    taskQueue: reservedQueue(taskQueue),
    startToCloseTimeout: ATTEMPT_TIMEOUT,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });
  await activities.deadLetter(record, failure);
  // No event in the history: the UI asks a worker, which runs the history again.
  setCurrentDetails(failedDetails(failure, workflowId, record.stream));
  throw ApplicationFailure.nonRetryable(
    `${failure.type}: ${failure.message}`,
    'DeadLettered',
    failure,
  );
}
