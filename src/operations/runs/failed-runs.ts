import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import { quote } from '../../temporal/temporal';
import { recordWorkflowTypes } from '../../temporal/open-workflows';
import { STREAM_WORKFLOWS, type AnyStream } from '../../domain/stream/stream';
import { mapConcurrently } from '../../lib/concurrently';

/** The closed statuses after which the reuse policy ALLOW_DUPLICATE_FAILED_ONLY lets a workflow run again. */
const FAILED = ['FAILED', 'TIMED_OUT', 'TERMINATED', 'CANCELLED'];

/** Parallel requests, each for one workflow id. A server on two cores answers about 1,000 requests per second. */
export const CONCURRENCY = 16;

/** Spells a status as the Temporal UI and Temporal's queries do. */
export function statusName(name: string): string {
  if (name === 'CANCELLED') return 'Canceled';
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** {@link hasFailed} as a condition of a query. */
export const FAILED_STATUS = `ExecutionStatus IN (${FAILED.map((name) => quote(statusName(name))).join(', ')})`;

/**
 * Whether the run belongs to a record of the stream or to a chunk. Other workflows may use the stream's task
 * queue too. The memo identifies a run of a workflow type that the stream had before.
 */
export function isOfRecords(
  stream: AnyStream,
  { type, memo }: Pick<WorkflowExecutionInfo, 'type' | 'memo'>,
): boolean {
  if (STREAM_WORKFLOWS.includes(type)) return false;
  return recordWorkflowTypes(stream).includes(type) || memo?.stream === stream.name;
}

export function hasFailed(run: WorkflowExecutionDescription): boolean {
  return FAILED.includes(run.status.name);
}

/** The latest run of a workflow id, or undefined if the server does not know the id. */
export async function latestRun(
  client: Client,
  workflowId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Yields the stream's workflows whose latest run did not end well, the last closed first. A query alone is not
 * enough: a failed run stays listed as Failed for ever, even after a replay has completed.
 */
export async function* latestFailedRuns(
  client: Client,
  stream: AnyStream,
  since?: Date,
): AsyncGenerator<WorkflowExecutionDescription> {
  const query = [
    `TaskQueue = ${quote(stream.taskQueue)}`,
    FAILED_STATUS,
    ...(since ? [`CloseTime >= ${quote(since.toISOString())}`] : []),
  ].join(' AND ');
  const runs = mapConcurrently(distinctIds(client, stream, query), CONCURRENCY, (workflowId) =>
    latestRun(client, workflowId),
  );
  for await (const run of runs) if (run && hasFailed(run)) yield run;
}

async function* distinctIds(
  client: Client,
  stream: AnyStream,
  query: string,
): AsyncGenerator<string> {
  const seen = new Set<string>();
  for await (const run of client.workflow.list({ query })) {
    const { workflowId } = run;
    if (seen.has(workflowId) || !isOfRecords(stream, run)) continue;
    seen.add(workflowId);
    yield workflowId;
  }
}
