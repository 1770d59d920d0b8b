import { randomUUID } from 'node:crypto';
import { ServiceError, type Client } from '@temporalio/client';
import {
  encodeWorkflowIdConflictPolicy,
  encodeWorkflowIdReusePolicy,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';
import { grpcStatus, GrpcStatus } from '../clients/temporal';
import { errorMessage } from '../domain/errors';
import type { AnyStream } from '../domain/stream';
import { startedEvent } from './failed-first-event';
import { hasFailed, latestRun, statusName } from './failed-runs';

export interface ReplayResult {
  workflowId: string;
  /** `refused`: its latest run completed or still runs. */
  outcome: 'replayed' | 'refused' | 'failed';
  /** The new run's id, or why there is none. */
  detail: string;
}

const REUSE_POLICY = encodeWorkflowIdReusePolicy(
  WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
)!;
const CONFLICT_POLICY = encodeWorkflowIdConflictPolicy(WorkflowIdConflictPolicy.FAIL)!;

/**
 * Starts a workflow again under its id, with the very input of its latest run. The server decides whether
 * it may: an id that completed meanwhile, or was replayed by somebody else, is refused. Never throws.
 */
export async function replayFailed(
  client: Client,
  streams: AnyStream[],
  workflowId: string,
  options: { dryRun?: boolean } = {},
): Promise<ReplayResult> {
  try {
    const run = await latestRun(client, workflowId);
    if (!run) return { workflowId, outcome: 'failed', detail: 'no such workflow' };
    if (!streams.some(({ taskQueue }) => taskQueue === run.taskQueue)) {
      const detail = `its task queue ${run.taskQueue} belongs to no stream`;
      return { workflowId, outcome: 'failed', detail };
    }
    if (!hasFailed(run)) {
      return { workflowId, outcome: 'refused', detail: statusName(run.status.name) };
    }
    return options.dryRun
      ? { workflowId, outcome: 'replayed', detail: run.runId }
      : await startAgain(client, { workflowId, runId: run.runId });
  } catch (error) {
    // The client's own message says what it tried; why that failed is in the cause.
    const reason: unknown = error instanceof ServiceError ? error.cause : error;
    return { workflowId, outcome: 'failed', detail: errorMessage(reason) };
  }
}

async function startAgain(
  client: Client,
  execution: { workflowId: string; runId: string },
): Promise<ReplayResult> {
  const { workflowId } = execution;
  // Payloads go back as they came: what is not decoded can't change.
  const { workflowType, taskQueue, input, memo } = await startedEvent(client, execution);
  try {
    const { runId } = await client.workflowService.startWorkflowExecution({
      namespace: client.options.namespace,
      identity: client.options.identity,
      // The connection repeats a request that got no answer; the server takes it once.
      requestId: randomUUID(),
      workflowId,
      workflowIdReusePolicy: REUSE_POLICY,
      workflowIdConflictPolicy: CONFLICT_POLICY,
      workflowType: workflowType ?? null,
      taskQueue: taskQueue ?? null,
      input: input ?? null,
      memo: memo ?? null,
    });
    return { workflowId, outcome: 'replayed', detail: runId };
  } catch (error) {
    if (grpcStatus(error) !== GrpcStatus.ALREADY_EXISTS) throw error;
    const holder = await latestRun(client, workflowId);
    return { workflowId, outcome: 'refused', detail: statusName(holder?.status.name ?? 'UNKNOWN') };
  }
}
