import { describePosition } from '../../domain/record/record';
import type { MessageTrace } from '../../operations/trace/trace';
import type { StreamTrace, TracedRecord } from '../../operations/trace/trace-stream';
import type { Verdict } from '../../operations/trace/trace-verdict';
import { cut, NO_TIMESTAMP, position } from './failed-output';
import { printable } from '../../lib/unprintable';
import { table } from '../../lib/table';

/**
 * Shows for each stream the verdict, and what happened in the order of time. If some streams know the message,
 * one line names the others.
 */
export function describeTrace({ messageId, record, streams }: MessageTrace): string {
  const subject = [
    ...(messageId === null ? [] : [`message ${printable(messageId)}`]),
    ...(record === null ? [] : [`record ${printable(describePosition(record))}`]),
  ].join(', ');
  const known = streams.filter(isKnown);
  if (known.length === 0) return [subject, ...streams.map(describeStream)].join('\n\n');
  const others = streams.filter((stream) => !isKnown(stream)).map(({ name }) => name);
  const nothing = others.length > 0 ? [`nothing known in ${others.join(', ')}`] : [];
  return [subject, ...known.map(describeStream), ...nothing].join('\n\n');
}

/**
 * Whether a stream knows the message. A position that was asked for is in `records` even if nothing is known of
 * it.
 */
export function isKnown({ records, runs, sinkObject, deadLetters }: StreamTrace): boolean {
  return (
    records.some(isOnTopic) || runs.length > 0 || sinkObject !== null || deadLetters.length > 0
  );
}

function isOnTopic({ replays }: TracedRecord): boolean {
  return replays !== null;
}

/** Explanations of the verdicts whose names do not explain themselves. */
const VERDICTS: Partial<Record<Verdict, string>> = {
  stuck: 'stuck: its workflow task fails again and again',
  filtered: "filtered: skipped, because the stream's onNull, accept or filter says so",
};

function describeStream(stream: StreamTrace): string {
  const key = ([time]: Event) => (time === NO_TIMESTAMP ? '' : time);
  const events = eventsOf(stream).sort((a, b) => key(a).localeCompare(key(b)));
  return [
    `stream ${stream.name}: ${VERDICTS[stream.verdict] ?? stream.verdict}`,
    ...stuckLines(stream),
    ...(events.length > 0 ? [table(['TIME', 'WHAT', 'WHERE', 'HOW'], events)] : []),
    ...stream.notLookedAt.map((one) => `not looked at: ${printable(one)}`),
  ].join('\n');
}

/** The full errors of stuck workflows, because the table cuts errors on a terminal. */
function stuckLines({ runs }: StreamTrace): string[] {
  return runs
    .filter(({ stuck }) => stuck)
    .map(({ workflowId, attempts, errorMessage }) =>
      printable(`${workflowId}, attempt ${attempts} at the task: ${errorMessage}`),
    );
}

/** Marks what happened to another record at the same position. */
const OTHER_LOG = 'of another log of this topic';

type Event = [time: string, what: string, where: string, how: string];

function eventsOf({ records, runs, sinkObject, deadLetters }: StreamTrace): Event[] {
  const events: Event[] = records.map((one) => {
    const from = one.replayOf === null ? '' : `, sent back from ${one.replayOf}`;
    const time = one.timestamp ?? (isOnTopic(one) ? NO_TIMESTAMP : '');
    return [time, 'record', position(one), `${one.verdict}${from}`];
  });
  for (const run of runs) {
    const { workflowId, type, status, startedAt, closedAt, outcome, attempts, otherLog } = run;
    const error = run.errorType === null ? '' : cut(`${run.errorType}: ${run.errorMessage ?? ''}`);
    const count = attempts === null ? '' : `${attempts} attempt${attempts === 1 ? '' : 's'}`;
    const log = otherLog ? OTHER_LOG : '';
    const course = [outcome ?? error, count, log].filter((one) => one !== '').join(', ');
    if (closedAt === null) events.push([startedAt, `${type} ${status}`, workflowId, course]);
    else {
      events.push([startedAt, `${type} started`, workflowId, log]);
      events.push([closedAt, `${type} ${status}`, workflowId, course]);
    }
  }
  for (const { deadLetter, errorType, errorMessage, failedAt, replays, otherLog } of deadLetters) {
    const sentBack = replays === 0 ? '' : `, sent back ${replays} times`;
    const why = cut(`${errorType ?? ''}: ${errorMessage ?? ''}`);
    const log = otherLog ? `, ${OTHER_LOG}` : '';
    events.push([failedAt ?? '', 'dead letter', position(deadLetter), `${why}${sentBack}${log}`]);
  }
  if (sinkObject) {
    const { location, bytes, sha256, writtenBy, writtenAt } = sinkObject;
    const how = [
      `${bytes} bytes`,
      ...(sha256 === undefined ? [] : [`sha256 ${sha256}`]),
      ...(writtenBy ? [`written by ${describePosition(writtenBy)}`] : []),
    ].join(', ');
    events.push([writtenAt?.toISOString() ?? '', 'object at the sink', location, how]);
  }
  return events;
}
