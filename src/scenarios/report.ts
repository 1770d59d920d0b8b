import { table } from '../cli/output';
import type { Totals } from './observe';
import type { Expectation, Scenario } from './scenarios';

export interface Result {
  scenario: string;
  title: string;
  stream: string;
  expected: Expectation;
  seen: Totals;
  ok: boolean;
}

/**
 * Compares. A killed worker may have delivered a record without being able to say so: its records come
 * again and are skipped as duplicates, so with a kill there may be more of those than were sent. Where
 * others send at the same time, their duplicates and dead letters are in the totals as well.
 */
export function judge(
  { name, title, kill }: Scenario,
  stream: string,
  expected: Expectation,
  seen: Totals,
  { alone }: { alone: boolean } = { alone: true },
): Result {
  const { recent, workflowId, sink } = seen.duplicates;
  const duplicates = recent + workflowId + sink;
  const ok =
    seen.messages === expected.messages &&
    seen.delivered === expected.delivered &&
    (alone
      ? seen.deadLetters === expected.deadLetters
      : seen.deadLetters >= expected.deadLetters) &&
    (alone && !kill ? duplicates === expected.duplicates : duplicates >= expected.duplicates) &&
    seen.missing === 0 &&
    seen.double === 0;
  return { scenario: name, title, stream, expected, seen, ok };
}

/** A cell with a slash is seen/expected. */
export function resultTable(results: Result[]): string {
  const of = (seen: number, expected: number) => `${seen}/${expected}`;
  return table(
    [
      'SCENARIO',
      'STREAM',
      'MESSAGES',
      'DELIVERED',
      'DUPLICATES',
      'recent',
      'workflow-id',
      'sink',
      'RETRIES',
      'DEAD LETTERS',
      'MISSING',
      'DOUBLE',
      '',
    ],
    results.map(({ scenario, stream, expected, seen, ok }) => {
      const { recent, workflowId, sink } = seen.duplicates;
      return [
        scenario,
        stream,
        of(seen.messages, expected.messages),
        of(seen.delivered, expected.delivered),
        of(recent + workflowId + sink, expected.duplicates),
        recent,
        workflowId,
        sink,
        seen.retries,
        of(seen.deadLetters, expected.deadLetters),
        seen.missing,
        seen.double,
        ok ? 'ok' : 'NOT AS EXPECTED',
      ];
    }),
  );
}
