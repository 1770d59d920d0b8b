import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { UsageError } from '../domain/errors';
import type { AnyStream } from '../domain/stream/stream';
import { mapConcurrently } from '../lib/concurrently';
import {
  describeSlow,
  listSlow,
  retryingActivity,
  stuckAttempts,
  taskFailure,
  type SlowRun,
} from './open-workflows';

/** An open workflow of a stream's record that waits for another attempt. */
export interface WaitingWorkflow {
  stream: string;
  workflowId: string;
  runId: string;
  /** Workflow type. */
  type: string;
  /** `retrying`: an activity is tried again, most often the sink's. `stuck`: the workflow task fails again and again. */
  kind: 'retrying' | 'stuck';
  /** Null for a chunk, and for a record that is not a message. */
  messageId: string | null;
  /** Position of the record; for a chunk, of its first record. A part is null if the workflow does not name it. */
  topic: string | null;
  partition: number | null;
  offset: number | null;
  /** When the workflow started, ISO 8601. */
  startedAt: string;
  /** The number of the attempt that is under way or waited for. */
  attempt: number;
  errorType: string | null;
  errorMessage: string | null;
  /** When the last attempt failed, ISO 8601; null if the server does not say. */
  failedAt: string | null;
}

/** A workflow that is open for longer than 5 s, with its stream. */
export interface ListedRun extends SlowRun {
  stream: string;
}

/** Lists the workflows of the streams that are open for longer than 5 s, the oldest first. */
export async function listOpen(client: Client, streams: AnyStream[]): Promise<ListedRun[]> {
  const all: ListedRun[] = [];
  for (const stream of streams) {
    for (const run of await listSlow(client, stream)) all.push({ ...run, stream: stream.name });
  }
  return all.sort(byStart);
}

function byStart(a: SlowRun, b: SlowRun): number {
  return a.startedAt - b.startedAt || a.runId.localeCompare(b.runId);
}

/** A part of the list of what waits. */
export interface WaitingPage {
  /** Those that wait for another attempt, the oldest first. */
  workflows: WaitingWorkflow[];
  /** How many open workflows this page asked what they wait for. */
  lookedAt: number;
  /** How many workflows are open for longer than 5 s. */
  open: number;
  /** The cursor of the next page; null if there is none. */
  next: string | null;
}

/**
 * Asks `limit` of the listed workflows what they wait for: those behind the cursor. A page may be empty although further
 * ones are not, because workflows that wait for nothing are left out.
 */
export async function pageOfWaiting(
  client: Client,
  listed: ListedRun[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<WaitingPage> {
  const behind = cursor === undefined ? undefined : startOf(cursor);
  const rest = listed.filter((run) => !behind || byStart(run, behind) > 0);
  const chosen = rest.slice(0, limit);
  const workflows: WaitingWorkflow[] = [];
  for await (const one of mapConcurrently(chosen, CONCURRENCY, (run) => waitingOf(client, run))) {
    if (one) workflows.push(one);
  }
  const last = chosen.at(-1);
  const next = last && rest.length > limit ? `${last.startedAt}:${last.runId}` : null;
  return { workflows, lookedAt: chosen.length, open: listed.length, next };
}

const CONCURRENCY = 8;

function startOf(cursor: string): SlowRun {
  const match = /^(\d{1,15}):([\w-]{1,64})$/.exec(cursor);
  if (!match) throw new UsageError('the cursor is not one that a page of waiting workflows gave');
  return { startedAt: Number(match[1]), runId: match[2]!, workflowId: '' };
}

async function waitingOf(client: Client, listed: ListedRun): Promise<WaitingWorkflow | undefined> {
  const run = await describeSlow(client, listed);
  if (run?.status.name !== 'RUNNING') return undefined;
  const wait = await waitOf(client, run);
  if (!wait) return undefined;
  const { workflowId, runId, type, startTime, memo = {} } = run;
  const { messageId, topic, partition, offset = memo.first } = memo;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  const number = (value: unknown) => (typeof value === 'number' ? value : null);
  return {
    ...{ stream: listed.stream, workflowId, runId, type, startedAt: startTime.toISOString() },
    ...{ messageId: text(messageId), topic: text(topic) },
    ...{ partition: number(partition), offset: number(offset) },
    ...wait,
  };
}

type Wait = Pick<WaitingWorkflow, 'kind' | 'attempt' | 'errorType' | 'errorMessage' | 'failedAt'>;

async function waitOf(
  client: Client,
  run: WorkflowExecutionDescription,
): Promise<Wait | undefined> {
  const attempts = stuckAttempts(run);
  if (attempts !== undefined) {
    const errorMessage = await taskFailure(client, run);
    return { kind: 'stuck', attempt: attempts, errorType: null, errorMessage, failedAt: null };
  }
  const retrying = await retryingActivity(client, run);
  if (!retrying) return undefined;
  const { attempt, errorType, errorMessage, failedAt } = retrying;
  const time = failedAt === 0 ? null : new Date(failedAt).toISOString();
  return { kind: 'retrying', attempt, errorType, errorMessage, failedAt: time };
}
