import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { quote } from '../../temporal/temporal';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { workflowIdPrefix } from '../../domain/record/workflow-id';

/** A search gives up after this many runs: what it looks for is then among more than anybody waits for. */
export const MAX_SEARCHED = 10_000;

/**
 * Runs of the stream whose workflow ids begin so, those that are open and those that closed last first. The
 * server escapes quotes and backslashes of a query again before it compares (1.29): from the first of them
 * on the prefix does not count, and there are runs to be left out.
 */
export async function* runsWithPrefix(
  client: Client,
  { taskQueue }: AnyStream,
  prefix: string,
): AsyncGenerator<WorkflowExecutionInfo> {
  const plain = /^[^'"\\]*/.exec(prefix)![0];
  const startsWith = plain === '' ? '' : ` AND WorkflowId STARTS_WITH ${quote(plain)}`;
  const query = `TaskQueue = ${quote(taskQueue)}${startsWith}`;
  for await (const run of client.workflow.list({ query })) {
    if (run.workflowId.startsWith(prefix)) yield run;
  }
}

/**
 * The latest run of the chunk that a record belongs to, as far as lists know it; `complete` is false where
 * the search was given up before. One of another log is given only where there is none of this one.
 */
export async function findChunk(
  client: Client,
  stream: AnyStream,
  { topic, partition, offset }: RecordPosition,
  isOfOtherLog: (memo: Record<string, unknown>) => boolean = () => false,
): Promise<{ chunk?: WorkflowExecutionInfo; complete: boolean }> {
  const prefix = workflowIdPrefix(`${stream.name}-chunk-${topic}-${partition}-`);
  let other: WorkflowExecutionInfo | undefined;
  let searched = 0;
  for await (const run of runsWithPrefix(client, stream, prefix)) {
    const memo = run.memo ?? {};
    const holds =
      memo.topic === topic &&
      memo.partition === partition &&
      Number(memo.first) <= offset &&
      offset <= Number(memo.last);
    if (holds && !isOfOtherLog(memo)) return { chunk: run, complete: true };
    if (holds) other ??= run;
    if (++searched === MAX_SEARCHED) return { ...(other && { chunk: other }), complete: false };
  }
  return { ...(other && { chunk: other }), complete: true };
}
