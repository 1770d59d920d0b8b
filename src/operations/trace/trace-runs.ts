import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import { retryingActivity, stuckAttempts, taskFailure } from '../../temporal/open-workflows';
import { mapConcurrently } from '../../lib/concurrently';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { describeFailure } from '../runs/failed-entry';
import { latestRun, statusName } from '../runs/failed-runs';
import { MAX_SEARCHED, runsWithPrefix } from '../runs/workflow-search';

/** One run of a workflow of the message, or of the chunk that holds its record. */
export interface TracedRun {
  workflowId: string;
  runId: string;
  type: string;
  status: string;
  startedAt: string;
  closedAt: string | null;
  /** Position of the record; for a chunk, the start of its range. */
  topic: string | null;
  partition: number | null;
  offset: number | null;
  /**
   * Whether the run is of another log of the topic. Then its timestamp, digest or topic id differs from the
   * record that lies there now.
   */
  otherLog: boolean;
  /** `delivered`, `duplicate`, `revalidated`, or another text that a workflow returns as its `outcome`. */
  outcome: string | null;
  /**
   * Whether the run is open and its workflow task fails again and again. Then attempts and error are the task's.
   */
  stuck: boolean;
  /** Attempts at the sink, as far as known. */
  attempts: number | null;
  errorType: string | null;
  errorMessage: string | null;
}

export type RunInfo = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'status' | 'startTime' | 'closeTime' | 'memo'
>;

const CONCURRENCY = 8;

/** Finds the runs that belong to the message or to one of its records, by their memo. */
export async function findRuns(
  client: Client,
  stream: AnyStream,
  prefixes: string[],
  belongs: (memo: Record<string, unknown>) => boolean,
): Promise<{ runs: RunInfo[]; complete: boolean }> {
  const runs = new Map<string, RunInfo>();
  let complete = true;
  for (const prefix of prefixes) {
    let searched = 0;
    for await (const run of runsWithPrefix(client, stream, prefix)) {
      const memo = run.memo ?? {};
      if (memo.stream === stream.name && !('first' in memo) && belongs(memo)) {
        runs.set(run.runId, run);
      }
      if (++searched < MAX_SEARCHED) continue;
      complete = false;
      break;
    }
  }
  return { runs: [...runs.values()], complete };
}

/** Adds the latest runs of these workflow ids, which Temporal's lists may not know yet. */
export async function withLatest(
  client: Client,
  runs: RunInfo[],
  workflowIds: string[],
): Promise<RunInfo[]> {
  const all = new Map(runs.map((run) => [run.runId, run]));
  for await (const run of mapConcurrently(new Set(workflowIds), CONCURRENCY, (id) =>
    latestRun(client, id),
  )) {
    // Replaces the listed run: the list may not know yet that it has ended.
    if (run) all.set(run.runId, run);
  }
  return [...all.values()];
}

/** Describes the runs, oldest first. */
export async function describeRuns(
  client: Client,
  runs: RunInfo[],
  isOtherRun: (memo: Record<string, unknown>) => boolean,
): Promise<TracedRun[]> {
  const traced: TracedRun[] = [];
  for await (const run of mapConcurrently(runs, CONCURRENCY, (one) =>
    describe(client, one, isOtherRun),
  )) {
    traced.push(run);
  }
  return traced.sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));
}

async function describe(
  client: Client,
  run: RunInfo,
  isOtherRun: (memo: Record<string, unknown>) => boolean,
): Promise<TracedRun> {
  const { workflowId, runId, type, status, startTime, closeTime, memo = {} } = run;
  return {
    ...{ workflowId, runId, type, status: statusName(status.name) },
    startedAt: startTime.toISOString(),
    closedAt: closeTime?.toISOString() ?? null,
    ...(positionOfMemo(memo) ?? { topic: null, partition: null, offset: null }),
    otherLog: isOtherRun(memo),
    ...{ outcome: null, stuck: false, attempts: null, errorType: null, errorMessage: null },
    ...(status.name === 'RUNNING'
      ? await soFar(client, workflowId, runId)
      : await end(client, workflowId, runId)),
  };
}

export function positionOfMemo(memo: Record<string, unknown>): RecordPosition | undefined {
  const { topic, partition, offset } = memo;
  if (typeof topic !== 'string' || typeof partition !== 'number' || typeof offset !== 'number') {
    return undefined;
  }
  return { topic, partition, offset };
}

type Course = Partial<
  Pick<TracedRun, 'outcome' | 'stuck' | 'attempts' | 'errorType' | 'errorMessage'>
>;

async function soFar(client: Client, workflowId: string, runId: string): Promise<Course> {
  const run = await client.workflow.getHandle(workflowId, runId).describe();
  const attempts = stuckAttempts(run);
  if (attempts !== undefined) {
    const errorMessage = (await taskFailure(client, run)) ?? 'it times out';
    return { stuck: true, attempts, errorType: 'WorkflowTaskFailed', errorMessage };
  }
  const [pending] = run.raw.pendingActivities ?? [];
  const { errorType = null, errorMessage = null } = (await retryingActivity(client, run)) ?? {};
  return { attempts: pending?.attempt ?? null, errorType, errorMessage };
}

async function end(client: Client, workflowId: string, runId: string): Promise<Course> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
    const result: unknown = await (handle.result() as Promise<unknown>);
    const { outcome, attempts } = Object(result) as Record<string, unknown>;
    return {
      outcome: typeof outcome === 'string' ? outcome : null,
      attempts: typeof attempts === 'number' ? attempts : null,
    };
  } catch (error) {
    // Retention may delete a run between two requests.
    if (error instanceof WorkflowNotFoundError) return {};
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { type, message, attempts } = describeFailure(error.cause);
    return { errorType: type, errorMessage: message, attempts };
  }
}
