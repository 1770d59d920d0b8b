import type { Client } from '@temporalio/client';

/** The attributes of the event that started a run, as the server keeps them. */
export async function startedEvent(
  client: Client,
  execution: { workflowId: string; runId: string },
) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const attributes = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (!attributes) throw new Error(`the history of ${execution.workflowId} has no first event`);
  return attributes;
}

export type StartedEvent = Awaited<ReturnType<typeof startedEvent>>;
