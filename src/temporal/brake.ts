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

/** An answer that comes later is of no use: it is asked for again. */
const DEADLINE_MS = 4_000;

type StreamQueue = { name: string; taskQueue: string };

/** Why the stream is braked; undefined where it is not. Rejects where the server does not answer. */
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

/** Brakes the stream, for all its bridge workers. One that is braked already stays as it is. */
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

/** Ends the brake, as soon as a worker of the stream hears of it. One that has ended meanwhile is no error. */
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
    // By another bridge worker's probe, or by an operator.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
