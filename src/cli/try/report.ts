import { printable } from '../../lib/unprintable';
import { workflowUrl } from '../../temporal/workflow-url';
import { oneLine } from '../output/failed-output';
import type { SeenMessage } from './judge';

export interface Tried {
  namespace: string;
  /** The address of Temporal's UI, if the address is known. */
  ui: string | undefined;
  messages: SeenMessage[];
}

export const RUN_ON = 'servers that try has started run on until npx cloudsync dev down';

/** Writes a line for each message, a line for the failed workflow, and two lines for what a person can do next. */
export function describeTried({ namespace, ui, messages }: Tried): string {
  const failed = messages.find(isFailed);
  const lines = messages.map((one) => `${one.messageId}  ${courseOf(one)}`);
  return [
    ...lines.map(printable),
    ...(failed ? [workflowOf(failed, namespace, ui)] : []),
    'Why: npx cloudsync failed list --stream try. Mended: npx cloudsync bridge start --stream try & npx cloudsync dlq replay --stream try',
    `Your own stream: npx cloudsync init; ${RUN_ON}.`,
  ].join('\n');
}

export function isFailed({ outcome }: SeenMessage): boolean {
  return outcome === 'dead-lettered' || outcome === 'failed';
}

function courseOf(one: SeenMessage): string {
  const { outcome, attempts, location, layer, errorType, errorMessage } = one;
  if (outcome === 'duplicate') return `skipped as a duplicate (layer ${layer})`;
  const at = attempts === null ? '' : ` at attempt ${attempts}`;
  if (isFailed(one))
    return `FAILED for good${at}, ${outcome}: ${errorType}: ${oneLine(errorMessage ?? '')}`;
  return `${outcome}${at}${location === null ? '' : `: ${location}`}`;
}

function workflowOf(
  { workflowId, runId }: SeenMessage,
  namespace: string,
  ui: string | undefined,
): string {
  if (workflowId === null || runId === null) return '     its workflow is not known';
  if (ui) return `     ${workflowUrl(ui, namespace, { workflowId, runId })}`;
  return `     workflow ${printable(workflowId)}, run ${runId} in namespace ${printable(namespace)}`;
}
