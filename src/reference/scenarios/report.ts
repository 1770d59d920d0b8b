import { table } from '../../lib/table';
import type { Totals } from './observe';
import type { Expectation, Scenario } from './scenarios';

export interface Result {
  scenario: string;
  title: string;
  stream: string;
  expected: Expectation;
  seen: Totals;
  /** Whether more duplicates or dead letters than expected may be seen. */
  atLeast: { duplicates: boolean; deadLetters: boolean };
  ok: boolean;
}

/**
 * Compares what was seen with what was expected. A killed worker may have delivered a record without being able
 * to report it. The record comes again and is skipped as a duplicate, so with a kill there may be more duplicates
 * than were sent. Its dead letters are at least once as well, so one may be there twice. If others send at the same
 * time, the totals include their duplicates and dead letters.
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
  const mayBeMore = !alone || kill === true;
  const atLeast = { duplicates: mayBeMore, deadLetters: mayBeMore };
  const fits = (count: number, least: number, orMore: boolean) =>
    orMore ? count >= least : count === least;
  const ok =
    seen.messages === expected.messages &&
    seen.delivered === expected.delivered &&
    fits(seen.deadLetters, expected.deadLetters, atLeast.deadLetters) &&
    fits(duplicates, expected.duplicates, atLeast.duplicates) &&
    seen.missing === 0 &&
    seen.double === 0;
  return { scenario: name, title, stream, expected, seen, atLeast, ok };
}

/** A cell with a slash is seen/expected. A `+` behind it means that more than expected may be seen. */
export function resultTable(results: Result[]): string {
  const of = (seen: number, expected: number, atLeast = false) =>
    `${seen}/${expected}${atLeast ? '+' : ''}`;
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
    results.map(({ scenario, stream, expected, seen, atLeast, ok }) => {
      const { recent, workflowId, sink } = seen.duplicates;
      return [
        scenario,
        stream,
        of(seen.messages, expected.messages),
        of(seen.delivered, expected.delivered),
        of(recent + workflowId + sink, expected.duplicates, atLeast.duplicates),
        recent,
        workflowId,
        sink,
        seen.retries,
        of(seen.deadLetters, expected.deadLetters, atLeast.deadLetters),
        seen.missing,
        seen.double,
        ok ? 'ok' : 'NOT AS EXPECTED',
      ];
    }),
  );
}
