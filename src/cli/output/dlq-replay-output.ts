import { describePosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Letter } from '../../operations/replay/replay-letters';
import type { ReplayPlan } from '../../operations/replay/replay-plan';
import type { ReplayOutcome } from '../../domain/stream/replay';
import type { LetterResult } from '../../operations/replay/replay-journal';
import { cut } from './failed-output';
import { printJson, say } from './output';
import { table } from '../../lib/table';

interface ReportOptions {
  /** Whether the command named letters or messages one by one. */
  named: boolean;
  json?: boolean | undefined;
}

/** Prints what a dry run has found. Exit code 1 if a letter that the command named is refused. */
export function reportPlan(
  stream: AnyStream,
  { queues, superseded }: ReplayPlan,
  named: boolean,
  { json }: { json?: boolean },
): void {
  const lines = queues.flat().map(({ letter, decision }) => {
    switch (decision.action) {
      case 'run':
        return line(letter, 'wouldReplay', null);
      case 'send':
        return line(letter, 'wouldSendBack', null);
      case 'done':
        return line(letter, decision.outcome, null);
      case 'refuse':
        return line(letter, 'refused', decision.reason);
    }
  });
  for (const [letter, by] of superseded) {
    lines.push(line(letter, 'superseded', `replaced by ${by.name}`));
  }
  const of = (outcome: string) => lines.filter((one) => one.outcome === outcome);
  if (named && of('refused').length > 0) process.exitCode = 1;
  if (json) {
    return printJson({
      stream: stream.name,
      ...{ replayed: 0, sentBack: 0, refused: of('refused').length, failed: 0 },
      superseded: of('superseded').length,
      wouldReplay: of('wouldReplay').map(({ workflowId }) => workflowId),
      wouldSendBack: of('wouldSendBack').map(({ deadLetter }) => describePosition(deadLetter)),
      records: lines,
    });
  }
  printLines(lines);
  const [runs, sends] = [of('wouldReplay').length, of('wouldSendBack').length];
  say(`${runs} would run again, ${sends} would be sent back to ${stream.topic}`);
}

/**
 * Prints what a replay has done. Exit code 1 if a record stays dead, or if a record that the command named is
 * refused.
 */
export function reportResults(
  stream: AnyStream,
  results: LetterResult[],
  { named, json, log, replay }: ReportOptions & { log?: string | undefined; replay?: string },
): void {
  const outcomes: ReplayOutcome[] = [
    'replayed',
    'sentBack',
    'refused',
    'failed',
    'superseded',
    'waiting',
  ];
  const counts = Object.fromEntries(
    outcomes.map((name) => [name, results.filter(({ outcome }) => outcome === name).length]),
  ) as Record<ReplayOutcome, number>;
  const ended = (wanted: string) => results.filter(({ end }) => end === wanted).length;
  const [delivered, deadAgain] = [ended('delivered'), ended('deadAgain')];
  if (results.some((result) => isLeft(result, named))) process.exitCode = 1;
  const lines = results.map(({ letter, outcome, reason, underWay, end }) => ({
    ...line(letter, outcome, reason ?? null),
    end: end ?? null,
    newRunId: underWay && 'runId' in underWay ? underWay.runId : null,
    sentTo: underWay && 'sentTo' in underWay ? underWay.sentTo : null,
  }));
  if (json) {
    const totals = { ...counts, delivered, deadAgain };
    const ids = { log: log ?? null, replay: replay ?? null };
    return printJson({ stream: stream.name, ...totals, ...ids, records: lines });
  }
  printLines(
    lines.map((one) => ({ ...one, outcome: one.end ? `${one.outcome}, ${one.end}` : one.outcome })),
  );
  const { replayed, sentBack, refused, failed, superseded, waiting } = counts;
  say(
    [
      `${replayed} replayed, ${sentBack} sent back, ${refused} refused, ${failed} failed`,
      ...(superseded > 0 ? [`${superseded} superseded`] : []),
      ...(waiting > 0 ? [`${waiting} waiting`] : []),
      ...(delivered + deadAgain > 0 ? [`${delivered} delivered, ${deadAgain} dead again`] : []),
    ].join(', '),
  );
  if (replay !== undefined) say(`replay: ${replay}`);
  if (log !== undefined) say(`log: ${log}`);
}

function isLeft({ outcome, end, underWay }: LetterResult, named: boolean): boolean {
  if (outcome === 'failed' || outcome === 'waiting' || end === 'deadAgain') return true;
  // In a whole stream many records have been taken care of before, so their refusal does not count.
  return outcome === 'refused' && (named || (!underWay && end !== 'delivered'));
}

function line(letter: Letter, outcome: string, reason: string | null) {
  // JSON omits properties that are undefined.
  return { ...letter, name: undefined, content: undefined, outcome, reason };
}

function printLines(lines: ReturnType<typeof line>[]): void {
  if (lines.length === 0) return say('no dead letters');
  const rows = lines.map(({ deadLetter, messageId, errorType, outcome, reason }) => [
    `${deadLetter.partition}:${deadLetter.offset}`,
    cut(messageId ?? ''),
    errorType ?? '',
    outcome,
    cut(reason ?? ''),
  ]);
  process.stdout.write(`${table(['LETTER', 'MESSAGE', 'ERROR', 'OUTCOME', 'REASON'], rows)}\n`);
}
