import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 500;

/** Resolves when the workflow has ended, or is not there. Rejects when the signal aborts. */
export async function workflowEnd(workflowId: string, signal: AbortSignal): Promise<void> {
  const handle = getClient().workflow.getHandle(workflowId);
  for (;;) {
    try {
      const { status } = await handle.describe();
      if (status.name !== 'RUNNING') return;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return;
      throw error;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
