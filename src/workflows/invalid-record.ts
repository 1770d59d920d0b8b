import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ParentClosePolicy,
  proxyActivities,
  proxyLocalActivities,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { RecordActivities } from '../domain/workflow/record-activities';
import type { InvalidRecordInput } from '../domain/record/record';
import type { RecordStart } from '../domain/workflow/record-start';
import { deadLetter } from './dead-letter';

const { parse } = proxyLocalActivities<Pick<RecordActivities, 'parse'>>({
  scheduleToCloseTimeout: '7s',
  retry: { maximumAttempts: 3 },
});
const { holder } = proxyActivities<Pick<RecordActivities, 'holder'>>({
  startToCloseTimeout: '30s',
});

/**
 * Dead-letters a record that could not become a message. When this workflow is replayed after the stream has learned
 * to read the record, the record continues in a record workflow of its own. If the stream filters the record by
 * then, this workflow just ends.
 */
export async function invalidRecord(
  record: InvalidRecordInput,
): Promise<{ outcome: 'revalidated'; workflowId: string } | { outcome: 'filtered' }> {
  const parsed = await parse(record);
  if (!parsed.ok) {
    if (parsed.filtered) return { outcome: 'filtered' };
    return deadLetter(record, { ...parsed.reason, attempts: 0 });
  }
  const { workflowId, furtherIds } = parsed.start;
  for (const id of [workflowId, ...furtherIds]) {
    if (await holdsRecord(id, parsed.start)) return { outcome: 'revalidated', workflowId: id };
  }
  const message = `every workflow id of ${workflowId} is held by another record`;
  return deadLetter(record, { type: 'RejectedByTemporal', message, attempts: 0 });
}

/** Starts the record's workflow under this id. False: the id belongs to another record. */
async function holdsRecord(
  workflowId: string,
  { workflowType, args, memo }: RecordStart,
): Promise<boolean> {
  for (;;) {
    try {
      await startChild(workflowType, {
        workflowId,
        args,
        memo: { ...memo },
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
      return true;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const found = await holder(workflowId, memo);
    if (found !== 'gone') return found === 'this record';
  }
}
