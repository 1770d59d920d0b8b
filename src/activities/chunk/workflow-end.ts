import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowEnd } from './dependencies';

/** Polls soon at first: a dead letter is written soon. A record that is tried again may take a quarter of an hour. */
const FIRST_POLL_MS = 25;
const LAST_POLL_MS = 500;

/** Asks the server about the workflow, at first every 25 ms and at last every 500 ms, until the workflow has ended. */
export const workflowEnd: WorkflowEnd = async (workflowId, signal) => {
  const handle = getClient().workflow.getHandle(workflowId);
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(1.25 * pollMs, LAST_POLL_MS)) {
    try {
      const { status } = await handle.describe();
      if (status.name !== 'RUNNING') return;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return;
      throw error;
    }
    await sleep(pollMs, undefined, { signal });
  }
};
