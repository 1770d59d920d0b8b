import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { quote } from '../../temporal/temporal';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { workflowIdPrefix } from '../../domain/record/workflow-id';

/** Limit for the runs that a search looks at. Beyond this number nobody would wait for the result. */
export const MAX_SEARCHED = 10_000;

/**
 * Yields the stream's runs whose workflow ids begin with the prefix: open ones, and the last closed first. The
 * server (1.29) escapes quotes and backslashes of a query a second time before it compares. So the query ends
 * before the first of these characters, and the runs that it finds in excess are skipped.
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
 * Finds the latest run of the chunk that holds a record, as far as Temporal's lists know it. `complete` is false
 * if the search ended at its limit. A chunk of another log of the topic is returned only if this log has none.
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
