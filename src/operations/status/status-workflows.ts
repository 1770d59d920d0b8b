import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { quote } from '../../temporal/temporal';
import { recordWorkflows } from '../../temporal/open-workflows';
import { mapConcurrently } from '../../lib/concurrently';
import type { AnyStream } from '../../domain/stream/stream';
import { CONCURRENCY, FAILED_STATUS, hasFailed, isOfRecords, latestRun } from '../runs/failed-runs';

/** How many runs of the workflows of the stream's records are open, and how many have completed. */
export async function workflowCounts(
  client: Client,
  stream: AnyStream,
): Promise<{ running: number; completed: number }> {
  const query = `${recordWorkflows(stream)} GROUP BY ExecutionStatus`;
  const { groups } = await client.workflow.count(query);
  const count = (status: string) =>
    groups.find(({ groupValues }) => groupValues.flat().includes(status))?.count ?? 0;
  return { running: count('Running'), completed: count('Completed') };
}

/** Limit for the failed runs that a count looks at, the last closed first. */
const MAX_FAILED = 2_000;
/** Limit for the ids in one query. */
const MAX_IDS = 100;

/**
 * Counts the stream's workflows whose latest run failed, among the 2,000 failed runs that closed last. A query
 * asks for 100 ids at once, so a run counts only when Temporal's lists know it. An id with quotes or backslashes
 * needs a request of its own.
 */
export async function countFailed(client: Client, stream: AnyStream): Promise<number> {
  /** Start of each workflow's last failed run, in milliseconds since the epoch. */
  const failed = new Map<string, number>();
  const query = `TaskQueue = ${quote(stream.taskQueue)} AND ${FAILED_STATUS}`;
  let looked = 0;
  for await (const run of client.workflow.list({ query })) {
    if (isOfRecords(stream, run) && !failed.has(run.workflowId)) {
      failed.set(run.workflowId, run.startTime.getTime());
    }
    if (++looked === MAX_FAILED) break;
  }
  for (const ids of chunksOf([...failed.keys()].filter(isPlain), MAX_IDS)) {
    for await (const run of client.workflow.list({ query: notFailedOf(ids) })) forget(failed, run);
  }
  const others = [...failed.keys()].filter((id) => !isPlain(id));
  for await (const run of mapConcurrently(others, CONCURRENCY, (id) => latestRun(client, id))) {
    if (run && !hasFailed(run)) failed.delete(run.workflowId);
  }
  return failed.size;
}

function notFailedOf(ids: string[]): string {
  return `WorkflowId IN (${ids.map(quote).join(', ')}) AND NOT ${FAILED_STATUS}`;
}

/** Removes a workflow that has run again since it failed, and has not failed again. */
function forget(
  failed: Map<string, number>,
  { workflowId, startTime }: Pick<WorkflowExecutionInfo, 'workflowId' | 'startTime'>,
): void {
  if (startTime.getTime() >= (failed.get(workflowId) ?? Infinity)) failed.delete(workflowId);
}

/**
 * Whether a query finds the id. The server (1.29) escapes quotes and backslashes of a query a second time before
 * it compares.
 */
function isPlain(workflowId: string): boolean {
  return !/['"\\]/.test(workflowId);
}

function* chunksOf<T>(items: T[], size: number): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
