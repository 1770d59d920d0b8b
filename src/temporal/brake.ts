import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import {
  BRAKE_WORKFLOW_TYPE,
  brakeWorkflowId,
  describeBrake,
  RESUME_SIGNAL,
  type BrakeReason,
} from '../domain/stream/brake';
import { summary } from '../domain/workflow/summary';
import { withSummary } from './temporal';

/** Time limit of each call. A later answer is of no use, because the caller asks again. */
const DEADLINE_MS = 4_000;

type StreamQueue = { name: string; taskQueue: string };

/** Why the stream is braked; undefined if it is not. Rejects if the server does not answer. */
export async function brakeOf(
  client: Client,
  { name }: Pick<StreamQueue, 'name'>,
): Promise<BrakeReason | undefined> {
  try {
    const { status, type, memo } = await client.connection.withDeadline(
      Date.now() + DEADLINE_MS,
      () => client.workflow.getHandle(brakeWorkflowId(name)).describe(),
    );
    if (status.name !== 'RUNNING' || type !== BRAKE_WORKFLOW_TYPE) return undefined;
    return memo as unknown as BrakeReason;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Brakes the stream for all its bridge workers. A stream that is already braked keeps its brake. */
export async function brake(
  client: Client,
  { name, taskQueue }: StreamQueue,
  reason: BrakeReason,
): Promise<void> {
  await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
    client.workflow.start(BRAKE_WORKFLOW_TYPE, {
      workflowId: brakeWorkflowId(name),
      taskQueue,
      args: [reason],
      memo: { ...reason },
      ...withSummary(client, summary(describeBrake(reason))),
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    }),
  );
}

/**
 * Ends the brake as soon as a worker of the stream receives the signal. A brake that has already ended is no
 * error.
 */
export async function release(
  client: Client,
  { name }: Pick<StreamQueue, 'name'>,
  by: 'probe' | 'operator',
): Promise<void> {
  try {
    await client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflow.getHandle(brakeWorkflowId(name)).signal(RESUME_SIGNAL, { by }),
    );
  } catch (error) {
    // Another bridge worker's probe, or an operator, has ended the brake.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
