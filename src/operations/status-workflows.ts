import type { Client } from '@temporalio/client';
import { quote } from '../clients/temporal';
import type { AnyStream } from '../domain/stream';

/** How many runs of the stream's workflows are open and how many have completed. */
export async function workflowCounts(
  client: Client,
  { taskQueue }: AnyStream,
): Promise<{ running: number; completed: number }> {
  const query = `TaskQueue = ${quote(taskQueue)} GROUP BY ExecutionStatus`;
  const { groups } = await client.workflow.count(query);
  const count = (status: string) =>
    groups.find(({ groupValues }) => groupValues.flat().includes(status))?.count ?? 0;
  return { running: count('Running'), completed: count('Completed') };
}
