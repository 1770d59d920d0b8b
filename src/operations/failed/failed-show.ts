import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import {
  decodeFromPayloadsAtIndex,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow';
import { quote } from '../../temporal/temporal';
import {
  describeTimestamp,
  type RecordContent,
  type RecordEnvelope,
} from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { failedEntry, type FailedEntry } from '../runs/failed-entry';
import { startedEvent } from '../runs/failed-first-event';
import { FAILED_STATUS, latestRun, statusName } from '../runs/failed-runs';

export interface RunFacts {
  runId: string;
  status: string;
  startedAt: string;
  closedAt: string | null;
}

export interface PendingActivity {
  activity: string;
  attempt: number;
  /** 0: no limit. */
  maximumAttempts: number;
  lastError: string | null;
}

/** Everything that is known about one workflow id. */
export interface FailedDetails extends FailedEntry {
  workflowType: string;
  taskQueue: string;
  /** Status of the latest run. */
  status: string;
  /** Trace id of the record, 32 hex digits; null if the record has no trace. */
  traceId: string | null;
  /** Newest first. */
  runs: RunFacts[];
  pendingActivities: PendingActivity[];
  /** The input record: key, value and headers as text, or as `{base64}` if they are not UTF-8. */
  record: (RecordContent & { timestamp: string | null }) | null;
}

/** Shows one workflow id. Undefined if the server does not know the workflow. */
export async function showFailed(
  client: Client,
  streams: AnyStream[],
  workflowId: string,
): Promise<FailedDetails | undefined> {
  const run = await latestRun(client, workflowId);
  if (!run) return undefined;
  const stream = streams.find(({ taskQueue }) => taskQueue === run.taskQueue);
  const memoStream = run.memo?.stream;
  const name = stream?.name ?? (typeof memoStream === 'string' ? memoStream : '');
  return {
    ...(await failedEntry(client, name, run)),
    workflowType: run.type,
    taskQueue: run.taskQueue,
    status: statusName(run.status.name),
    traceId: traceId(run),
    runs: await runsOf(client, run),
    pendingActivities: await pendingActivities(client, run),
    record: await inputRecord(client, run),
  };
}

function traceId({ memo }: WorkflowExecutionDescription): string | null {
  const traceparent = memo?.traceparent;
  return typeof traceparent === 'string' ? (traceparent.split('-')[1] ?? null) : null;
}

async function runsOf(client: Client, latest: WorkflowExecutionDescription): Promise<RunFacts[]> {
  const runs = new Map<string, RunFacts>([[latest.runId, runFacts(latest)]]);
  for await (const run of client.workflow.list({ query: runsQuery(latest) })) {
    // `latest` stays: the list may not know yet that the latest run has ended.
    if (run.workflowId !== latest.workflowId || runs.has(run.runId)) continue;
    runs.set(run.runId, runFacts(run));
  }
  return [...runs.values()].sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
}

/**
 * Query for the runs of a workflow id. The server (1.29) escapes quotes and backslashes of a query a second time
 * before it compares. So an id with these characters is searched by the part before the first of them. This wider
 * search covers only failed runs, because every run before the latest has failed.
 */
function runsQuery({ workflowId, taskQueue }: WorkflowExecutionDescription): string {
  const plain = /^[^'"\\]*/.exec(workflowId)![0];
  if (plain === workflowId) return `WorkflowId = ${quote(workflowId)}`;
  const prefix = plain === '' ? '' : ` AND WorkflowId STARTS_WITH ${quote(plain)}`;
  return `TaskQueue = ${quote(taskQueue)} AND ${FAILED_STATUS}${prefix}`;
}

type Run = Pick<WorkflowExecutionDescription, 'runId' | 'status' | 'startTime' | 'closeTime'>;

function runFacts({ runId, status, startTime, closeTime }: Run): RunFacts {
  return {
    runId,
    status: statusName(status.name),
    startedAt: startTime.toISOString(),
    closedAt: closeTime?.toISOString() ?? null,
  };
}

function pendingActivities(
  client: Client,
  { raw }: WorkflowExecutionDescription,
): Promise<PendingActivity[]> {
  const { loadedDataConverter } = client.options;
  return Promise.all(
    (raw.pendingActivities ?? []).map(async (one) => ({
      activity: one.activityType?.name ?? '',
      attempt: one.attempt ?? 0,
      maximumAttempts: one.maximumAttempts ?? 0,
      lastError:
        (await decodeOptionalFailureToOptionalError(loadedDataConverter, one.lastFailure))
          ?.message ?? null,
    })),
  );
}

/** The record in the run's input; null if the input is not a record, for example that of a chunk. */
async function inputRecord(
  client: Client,
  run: WorkflowExecutionDescription,
): Promise<FailedDetails['record']> {
  const { input } = await startedEvent(client, run);
  const envelope = await decodeFromPayloadsAtIndex<Partial<RecordEnvelope> | null | undefined>(
    client.options.loadedDataConverter,
    0,
    input?.payloads,
  );
  if (!envelope?.content || typeof envelope.timestamp !== 'number') return null;
  return { timestamp: describeTimestamp(envelope.timestamp), ...envelope.content };
}
