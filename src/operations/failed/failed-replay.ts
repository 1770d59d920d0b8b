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
  /** `refused`: the latest run completed or still runs, or a new run would end as the last one did. */
  outcome: 'replayed' | 'refused' | 'failed';
  /** The new run's id (in a dry run: the latest run's id), or the reason why no run was started. */
  detail: string;
  /** The failed run, with its stream; absent if there is none that could run again. */
  failed?: { stream: AnyStream; runId: string };
  /** Set if the refusal leaves the record undelivered: a new run would fail as the last one did. */
  staysDead?: true;
}

const REUSE_POLICY = encodeWorkflowIdReusePolicy(
  WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
)!;
const CONFLICT_POLICY = encodeWorkflowIdConflictPolicy(WorkflowIdConflictPolicy.FAIL)!;

/**
 * Starts a workflow again under its id, with exactly the input of its latest run. The server decides whether the
 * id may run again. It refuses an id that completed meanwhile, or that somebody else has replayed. Never throws.
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
      const detail = `its task queue ${run.taskQueue} belongs to no stream that is loaded; name its stream with --stream, or its module with --streams`;
      return { workflowId, outcome: 'failed', detail };
    }
    if (!hasFailed(run)) return refusedBy(workflowId, run.status.name);
    const { runId } = run;
    // The payloads go back to the server without being decoded, so they can't change.
    const started = await startedEvent(client, { workflowId, runId });
    const detail = await reasonAgainst(client, stream, started);
    if (detail !== undefined) return { workflowId, outcome: 'refused', detail, staysDead: true };
    return options.dryRun
      ? { workflowId, outcome: 'replayed', detail: runId }
      : { ...(await startAgain(client, workflowId, started)), failed: { stream, runId } };
  } catch (error) {
    // The client's own message says which call failed; the cause says why.
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
      // The connection repeats a request that got no answer. Because of this id the server starts only one run.
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

/**
 * Why a new run of an invalid record's workflow would end as the last one did. Undefined for the workflow of a
 * valid record, and if a new run can end better.
 */
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
    ? 'the record does not fit into its workflow: "cloudsync dlq replay" sends it back to its topic'
    : worth.refuse;
}
