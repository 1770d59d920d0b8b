import type { FailedEntry } from '../../operations/runs/failed-entry';
import type { RecordContent } from '../../domain/record/record';
import { decodeBytes, type EncodedBytes } from '../../domain/record/encoded-bytes';
import { looksBinary, printable } from '../../lib/unprintable';
import { hexDump } from '../../lib/hex-dump';
import { table } from '../../lib/table';

const MAX_MESSAGE = 60;

/** The table that `failed list` and `dlq list` share. `place` adds a first column. */
export function entryTable<Entry extends FailedEntry>(
  entries: Entry[],
  place?: { header: string; of: (entry: Entry) => string },
): string {
  const header = [
    ...['FAILED AT', 'STREAM', 'MESSAGE', 'KEY', 'RECORD', 'ERROR', 'ATTEMPTS', 'WORKFLOW ID'],
  ];
  const rows = entries.map((entry) => [
    ...(place ? [place.of(entry)] : []),
    entry.failedAt ?? '',
    entry.stream,
    cut(entry.messageId ?? entry.rawId ?? ''),
    cut(entry.key ?? ''),
    position(entry),
    cut(`${entry.errorType ?? ''}: ${entry.errorMessage ?? ''}`),
    entry.attempts ?? '',
    entry.workflowId ?? '',
  ]);
  return table([...(place ? [place.header] : []), ...header], rows);
}

export function position({
  topic,
  partition,
  offset,
}: Pick<FailedEntry, 'topic' | 'partition' | 'offset'>): string {
  return topic === null ? '' : `${topic}/${partition}@${offset}`;
}

/** Cuts a text so that a row fits a terminal. A pipe gets the whole text, also on one line. */
export function cut(text: string, output: { isTTY?: boolean } = process.stdout): string {
  const line = oneLine(text);
  return output.isTTY && line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE - 1)}…` : line;
}

/** Joins the lines of a text: errors of schemas have several. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

/** Names and values, one pair per line. A long value keeps its own lines. */
export function facts(pairs: [name: string, value: string | number | null][]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => {
      const lines = String(value ?? '').split('\n');
      return `${name.padEnd(width)}  ${lines.map(printable).join(`\n${' '.repeat(width + 2)}`)}`;
    })
    .join('\n');
}

/** The facts of a failed record or of a dead letter. */
export function entryFacts(entry: FailedEntry): [string, string | number | null][] {
  return [
    ['workflow id', entry.workflowId],
    ['run id', entry.runId],
    ['stream', entry.stream],
    ['message id', entry.messageId],
    ...(entry.rawId === null ? [] : [['raw id', entry.rawId] as [string, string]]),
    ['key', entry.key],
    ['record', position(entry)],
    ['error', entry.errorType],
    ['message', entry.errorMessage],
    ['attempts', entry.attempts],
    ['failed at', entry.failedAt],
  ];
}

/** Shown for a record without a timestamp. The letter of an unreadable batch, for example, has none. */
export const NO_TIMESTAMP = 'no timestamp';

/** The facts of a record's bytes. */
export function recordFacts(
  record: RecordContent & { timestamp: string | null },
): [string, string | number | null][] {
  const time: [string, string] = ['timestamp', record.timestamp ?? NO_TIMESTAMP];
  if ('byReference' in record)
    return [time, ['key and value', `${record.bytes} bytes, kept in Kafka only`]];
  return [
    time,
    ['key', bytes(record.key)],
    ...record.headers.map(([name, value]): [string, string] => [
      // A header's name is as foreign as its value. It stands before the column of values, so it is made
      // printable here.
      `header ${printable(name)}`,
      bytes(value),
    ]),
    ['value', bytes(record.value)],
  ];
}

function bytes(encoded: EncodedBytes | null): string {
  if (encoded === null) return '(null)';
  const isText = typeof encoded === 'string' && !looksBinary(encoded);
  return isText ? encoded : hexDump(decodeBytes(encoded));
}
