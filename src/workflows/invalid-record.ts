import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ParentClosePolicy,
  proxyLocalActivities,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { RecordActivities } from '../activities/record-activities';
import type { InvalidRecordInput } from '../domain/record';
import { deadLetter } from './dead-letter';

const { parse } = proxyLocalActivities<Pick<RecordActivities, 'parse'>>({
  scheduleToCloseTimeout: '7s',
  retry: { maximumAttempts: 3 },
});

/**
 * A record that could not become a message. It is dead-lettered at once; when it is replayed after its
 * stream has learned to read it, it goes on as a record workflow of its own.
 */
export async function invalidRecord(
  record: InvalidRecordInput,
): Promise<{ outcome: 'revalidated'; workflowId: string }> {
  const parsed = await parse(record);
  if (!parsed.ok) {
    return deadLetter(record, { ...parsed.reason, attempts: 0 });
  }
  const { workflowType, workflowId, args, memo } = parsed.start;
  try {
    await startChild(workflowType, {
      workflowId,
      args,
      memo: { ...memo },
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return { outcome: 'revalidated', workflowId };
}
