import type { JSX } from 'preact';
import type { PageContext } from './context';
import { cut } from './parts';

/** A workflow's id, as a link to its run in Temporal's UI if the UI's address is known. */
export function RunLink({
  run: { workflowId, runId },
  page,
}: {
  run: { workflowId: string | null; runId: string | null };
  page: PageContext;
}): JSX.Element {
  if (workflowId === null) return <span class="quiet">not known</span>;
  const href = runId === null ? undefined : page.workflowUrl({ workflowId, runId });
  if (href === undefined) return <code>{cut(workflowId, 500)}</code>;
  return (
    <a href={href} rel="noreferrer">
      {cut(workflowId, 500)}
    </a>
  );
}
