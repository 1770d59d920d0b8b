/** Gives the address of a workflow's run in Temporal's UI. */
export function workflowUrl(
  ui: string,
  namespace: string,
  { workflowId, runId }: { workflowId: string; runId: string },
): string {
  const path = ['namespaces', namespace, 'workflows', workflowId, runId, 'history'];
  return `${ui}/${path.map((part) => encodeURIComponent(part.toWellFormed())).join('/')}`;
}
