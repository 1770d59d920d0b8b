import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import { RESUME_SIGNAL, type LastingState } from '../domain/stream/lasting-state';
import { summary } from '../domain/workflow/summary';
import { withSummary } from './temporal';

/** Time limit of each call. A later answer is of no use, because the caller asks again. */
const DEADLINE_MS = 4_000;

type StreamQueue = { name: string; taskQueue: string };

/** Why the stream is in the state; undefined if it is not. Rejects if the server does not answer. */
export async function reasonOf<Reason extends object>(
  client: Client,
  { workflowType, workflowId }: LastingState<Reason>,
  { name }: Pick<StreamQueue, 'name'>,
): Promise<Reason | undefined> {
  try {
    const { status, type, memo } = await client.connection.withDeadline(
      Date.now() + DEADLINE_MS,
      () => client.workflow.getHandle(workflowId(name)).describe(),
    );
    if (status.name !== 'RUNNING' || type !== workflowType) return undefined;
    return memo as unknown as Reason;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Puts the stream into the state, for all its processes. A stream that is already in it keeps its reason. */
export async function begin<Reason extends object>(
  client: Client,
  { workflowType, workflowId, describe }: LastingState<Reason>,
  { name, taskQueue }: StreamQueue,
  reason: Reason,
): Promise<void> {
  await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
    client.workflow.start(workflowType, {
      workflowId: workflowId(name),
      taskQueue,
      args: [reason],
      memo: { ...reason } as Record<string, unknown>,
      ...withSummary(client, summary(describe(reason))),
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    }),
  );
}

/**
 * Ends the state as soon as a worker of the stream receives the signal. `by` says who asked: `probe`, or an operator. A
 * state that has already ended is no error.
 */
export async function end<Reason extends object>(
  client: Client,
  { workflowId }: LastingState<Reason>,
  { name }: Pick<StreamQueue, 'name'>,
  by: string,
): Promise<void> {
  try {
    await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId(name)).signal(RESUME_SIGNAL, { by }),
    );
  } catch (error) {
    // Another bridge worker's probe, or an operator, has ended it.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
