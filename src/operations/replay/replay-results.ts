import type { LetterStates } from '../dead-letters/letter-states';
import type { ProgressEntry } from '../dead-letters/state-entries';
import type { LetterResult } from './replay-journal';
import type { ReplayPlan } from './replay-plan';

/** The results if every letter is refused, which needs no replay; otherwise undefined. */
export function refusals({ queues, superseded }: ReplayPlan): LetterResult[] | undefined {
  const results = replaced(superseded);
  for (const { letter, decision } of queues.flat()) {
    if (decision.action !== 'refuse') return undefined;
    const { reason, underWay, end } = decision;
    results.push({
      ...{ letter, outcome: 'refused', reason },
      ...(underWay && { underWay }),
      ...(end && { end }),
    });
  }
  return results;
}

function replaced(superseded: ReplayPlan['superseded']): LetterResult[] {
  return superseded.map(([letter, by]) => {
    return { letter, outcome: 'superseded', reason: `replaced by ${by.name}` };
  });
}

/** What the replay did with each letter of the plan, as the state topic says. */
export function resultsOf(
  { queues, superseded }: ReplayPlan,
  states: LetterStates,
  replay: string,
): { results: LetterResult[]; entries: ProgressEntry[] } {
  const results = replaced(superseded);
  const entries: ProgressEntry[] = [];
  for (const { letter } of queues.flat()) {
    const entry = states.entryOf(letter, replay);
    if (entry) entries.push(entry);
    const { outcome, reason, underWay, end } = entry?.result ?? {
      outcome: 'waiting' as const,
      reason: 'the replay was stopped',
    };
    results.push({
      ...{ letter, outcome },
      ...(reason !== undefined && { reason }),
      ...(underWay && { underWay }),
      ...(end && { end }),
    });
  }
  return { results, entries };
}
