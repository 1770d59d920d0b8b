import type { Client } from '@temporalio/client';

/** Reads the attributes of the event that started a run, and the run's summary, as the server keeps them. */
export async function startedEvent(
  client: Client,
  execution: { workflowId: string; runId: string },
) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const { workflowExecutionStartedEventAttributes: attributes, userMetadata } =
    history?.events?.[0] ?? {};
  if (!attributes) throw new Error(`the history of ${execution.workflowId} has no first event`);
  return { ...attributes, userMetadata };
}

export type StartedEvent = Awaited<ReturnType<typeof startedEvent>>;
