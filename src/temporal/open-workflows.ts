import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { mapConcurrently } from '../lib/concurrently';
import { errorMessage } from '../domain/errors';
import type { AnyStream } from '../domain/stream/stream';
import { quote } from './temporal';

/** Workflows of a stream's records that are open for longer than 5 s, as Temporal's lists show them. */
export interface SlowWorkflows {
  /** How many there are; counted up to 5,000. */
  count: number;
  /** When the oldest of them started, ISO 8601; null if there are none. */
  since: string | null;
  /** How many were asked what they wait for, the oldest first. `retrying` and `stuck` count only these. */
  lookedAt: number;
  /** Those that wait for another attempt at an activity, most often the sink's; null if there are none. */
  retrying: RetryingWorkflows | null;
  /** Those whose workflow task fails again and again, as after a change of their code; null if there are none. */
  stuck: StuckWorkflows | null;
}

export interface RetryingWorkflows {
  count: number;
  /** When the oldest of them started, ISO 8601. */
  since: string;
  /** Error type of the attempt that failed last; null if its error has no type. */
  errorType: string | null;
  errorMessage: string;
}

export interface StuckWorkflows {
  count: number;
  since: string;
  /** Why the workflow task of the oldest fails; null if it times out. */
  errorMessage: string | null;
  /** At most 10. */
  workflowIds: string[];
}

/** A workflow that is open for less time is regarded as under way. */
const SLOW_AFTER_MS = 5_000;
const PAGE_SIZE = 1_000;
const MAX_LISTED = 5_000;
const CONCURRENCY = 8;
const MAX_NAMED = 10;

/** A workflow task may need a second attempt after the loss of a worker. Further attempts follow its failure. */
const STUCK_ATTEMPT = 3;
/** Events that end a workflow task, by their numbers in Temporal's `EventType`. */
const TASK_COMPLETED = 7;
const TASK_TIMED_OUT = 8;
const TASK_FAILED = 9;

/** Types of the workflows that deliver the stream's records or dead-letter them. */
export function recordWorkflowTypes({ workflow }: Pick<AnyStream, 'workflow'>): string[] {
  const own = workflow ? [workflow.type] : [];
  return ['deliverRecord', 'deliverChunk', 'invalidRecord', ...own];
}

/** The query for workflows of the stream's records. It names types, because others may use the task queue too. */
export function recordWorkflows(stream: Pick<AnyStream, 'taskQueue' | 'workflow'>): string {
  const types = recordWorkflowTypes(stream).map(quote).join(', ');
  return `TaskQueue = ${quote(stream.taskQueue)} AND WorkflowType IN (${types})`;
}

/** Asks at most `limit` workflows what they wait for: first those that were `known` as stuck, then the oldest. */
export async function slowWorkflows(
  client: Client,
  stream: AnyStream,
  { limit, known = [] }: { limit: number; known?: string[] },
): Promise<SlowWorkflows> {
  const listed = await listSlow(client, stream);
  listed.sort((a, b) => a.startedAt - b.startedAt);
  const first = listed.filter(({ workflowId }) => known.includes(workflowId));
  const chosen = [...new Set([...first, ...listed])].slice(0, limit);
  chosen.sort((a, b) => a.startedAt - b.startedAt);
  const stuck: WorkflowExecutionDescription[] = [];
  const retrying: RetryingActivity[] = [];
  const runs = mapConcurrently(chosen, CONCURRENCY, (one) => describeSlow(client, one));
  for await (const run of runs) {
    if (run?.status.name !== 'RUNNING') continue;
    if (stuckAttempts(run) !== undefined) stuck.push(run);
    else {
      const activity = await retryingActivity(client, run);
      if (activity) retrying.push(activity);
    }
  }
  return {
    count: listed.length,
    since: listed.length > 0 ? new Date(listed[0]!.startedAt).toISOString() : null,
    lookedAt: chosen.length,
    retrying: summaryOf(retrying),
    stuck: await explain(client, stuck),
  };
}

/** An open workflow as Temporal's list shows it. */
export interface SlowRun {
  workflowId: string;
  runId: string;
  /** In milliseconds since the epoch. */
  startedAt: number;
}

/**
 * Lists the stream's workflows that are open for longer than 5 s, up to 5,000. Leaves out the memos: the client's own list
 * would have to decode them one by one.
 */
export async function listSlow(client: Client, stream: AnyStream): Promise<SlowRun[]> {
  const before = quote(new Date(Date.now() - SLOW_AFTER_MS).toISOString());
  const query = `${recordWorkflows(stream)} AND ExecutionStatus = "Running" AND StartTime < ${before}`;
  const { namespace } = client.options;
  const listed: SlowRun[] = [];
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page = await client.workflowService.listWorkflowExecutions({
      ...{ namespace, query, nextPageToken },
      pageSize: PAGE_SIZE,
    });
    for (const { execution, startTime } of page.executions ?? []) {
      const { workflowId, runId } = execution!;
      listed.push({ workflowId: workflowId!, runId: runId!, startedAt: tsToMs(startTime) });
    }
    nextPageToken = page.nextPageToken ?? new Uint8Array();
  } while (nextPageToken.length > 0 && listed.length < MAX_LISTED);
  return listed;
}

/** Undefined if the workflow is gone by now. */
export async function describeSlow(
  client: Client,
  { workflowId, runId }: SlowRun,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** How often the run's workflow task was attempted, if it fails again and again; otherwise undefined. */
export function stuckAttempts({ raw }: WorkflowExecutionDescription): number | undefined {
  const attempts = raw.pendingWorkflowTask?.attempt ?? 0;
  return attempts >= STUCK_ATTEMPT ? attempts : undefined;
}

/** Why the run's workflow task fails, according to its last five events; null if it times out. */
export async function taskFailure(
  client: Client,
  { workflowId, runId }: WorkflowExecutionDescription,
): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 5,
  });
  const ends = [TASK_COMPLETED, TASK_TIMED_OUT, TASK_FAILED];
  const event = history?.events?.find(({ eventType }) => ends.includes(Number(eventType)));
  const error = await decodeOptionalFailureToOptionalError(
    client.options.loadedDataConverter,
    event?.workflowTaskFailedEventAttributes?.failure,
  );
  return error ? errorMessage(error) : null;
}

export interface RetryingActivity {
  /** When its workflow started. */
  startedAt: Date;
  /** The number of the attempt that is under way or waited for. */
  attempt: number;
  /** Error type of the last attempt; null if its error has no type. */
  errorType: string | null;
  errorMessage: string;
  /** When the last attempt failed, in milliseconds since the epoch; 0 if the server does not say. */
  failedAt: number;
}

/** The first activity of the run that has failed and is tried again; undefined if there is none. */
export async function retryingActivity(
  client: Client,
  { raw, startTime }: WorkflowExecutionDescription,
): Promise<RetryingActivity | undefined> {
  const pending = raw.pendingActivities?.find(({ lastFailure }) => lastFailure);
  const { loadedDataConverter } = client.options;
  const error = await decodeOptionalFailureToOptionalError(
    loadedDataConverter,
    pending?.lastFailure,
  );
  if (!pending || !error) return undefined;
  return {
    startedAt: startTime,
    attempt: pending.attempt ?? 0,
    errorType: error instanceof ApplicationFailure ? (error.type ?? null) : null,
    errorMessage: errorMessage(error),
    failedAt: pending.lastAttemptCompleteTime ? tsToMs(pending.lastAttemptCompleteTime) : 0,
  };
}

/** This function and `explain` expect the order in which the workflows started. */
function summaryOf(retrying: RetryingActivity[]): RetryingWorkflows | null {
  const [oldest] = retrying;
  if (!oldest) return null;
  const { errorType, errorMessage } = retrying.reduce((a, b) => (b.failedAt > a.failedAt ? b : a));
  const since = oldest.startedAt.toISOString();
  return { count: retrying.length, since, errorType, errorMessage };
}

async function explain(
  client: Client,
  stuck: WorkflowExecutionDescription[],
): Promise<StuckWorkflows | null> {
  const [oldest] = stuck;
  if (!oldest) return null;
  return {
    count: stuck.length,
    since: oldest.startTime.toISOString(),
    errorMessage: await taskFailure(client, oldest),
    workflowIds: stuck.slice(0, MAX_NAMED).map(({ workflowId }) => workflowId),
  };
}

/** Describes stuck workflows in one line for people. */
export function describeStuck({ count, since, errorMessage, workflowIds }: StuckWorkflows): string {
  const others = count > 1 ? ` and ${count - 1} more` : '';
  return `${workflowIds[0]}${others}: the workflow task fails again and again, open since ${since}: ${errorMessage ?? 'it times out'}`;
}
