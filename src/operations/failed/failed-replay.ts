import { randomUUID } from 'node:crypto';
import { ServiceError, type Client } from '@temporalio/client';
import {
  encodeWorkflowIdConflictPolicy,
  encodeWorkflowIdReusePolicy,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow';
import { grpcStatus, GrpcStatus } from '../../temporal/temporal';
import { errorMessage } from '../../domain/errors';
import { decodeContent, type InvalidRecordInput } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { startedEvent, type StartedEvent } from '../runs/failed-first-event';
import { hasFailed, latestRun, statusName } from '../runs/failed-runs';
import { parseOrThrow } from '../../domain/workflow/parse';
import { validityOf, worthOfRun } from '../runs/replay-validity';

export interface ReplayResult {
  workflowId: string;
  /** `refused`: its latest run completed or still runs, or a new one would end as that did. */
  outcome: 'replayed' | 'refused' | 'failed';
  /** The new run's id, or why there is none. */
  detail: string;
  /** Refused, and its record stays dead. */
  staysDead?: true;
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
    const stream = streams.find(({ taskQueue }) => taskQueue === run.taskQueue);
    if (!stream) {
      const detail = `its task queue ${run.taskQueue} belongs to no stream`;
      return { workflowId, outcome: 'failed', detail };
    }
    if (!hasFailed(run)) return refusedBy(workflowId, run.status.name);
    const { runId } = run;
    // Payloads go back as they came: what is not decoded can't change.
    const started = await startedEvent(client, { workflowId, runId });
    const detail = await reasonAgainst(client, stream, started);
    if (detail !== undefined) return { workflowId, outcome: 'refused', detail, staysDead: true };
    return options.dryRun
      ? { workflowId, outcome: 'replayed', detail: runId }
      : await startAgain(client, workflowId, started);
  } catch (error) {
    // The client's own message says what it tried; why that failed is in the cause.
    const reason: unknown = error instanceof ServiceError ? error.cause : error;
    return { workflowId, outcome: 'failed', detail: errorMessage(reason) };
  }
}

async function startAgain(
  client: Client,
  workflowId: string,
  { workflowType, taskQueue, input, memo, userMetadata }: StartedEvent,
): Promise<ReplayResult> {
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
      userMetadata: userMetadata ?? null,
    });
    return { workflowId, outcome: 'replayed', detail: runId };
  } catch (error) {
    if (grpcStatus(error) !== GrpcStatus.ALREADY_EXISTS) throw error;
    const holder = await latestRun(client, workflowId);
    return refusedBy(workflowId, holder?.status.name ?? 'UNKNOWN');
  }
}

function refusedBy(workflowId: string, status: string): ReplayResult {
  return { workflowId, outcome: 'refused', detail: `its latest run is ${statusName(status)}` };
}

/** Why a new run of a record that was invalid would end as the last one. */
async function reasonAgainst(
  client: Client,
  stream: AnyStream,
  { workflowType, input }: StartedEvent,
): Promise<string | undefined> {
  if (workflowType?.name !== 'invalidRecord') return undefined;
  const given = await decodeFromPayloadsAtIndex<InvalidRecordInput>(
    client.options.loadedDataConverter,
    0,
    input?.payloads,
  );
  const record = decodeContent(given);
  const validity = record
    ? validityOf(stream, record, await parseOrThrow(stream, record))
    : { fitsWorkflow: false };
  const worth = worthOfRun(given.reason.type, validity);
  if (worth === 'run') return undefined;
  return worth === 'send'
    ? 'its workflow can not hold the record: "cloudsync dlq replay" sends it back to its topic'
    : worth.refuse;
}
