import type { SinkRecord } from '../domain/stream/sink';

/** The content of a chunk's object: one record's value per line. */

const LINE_FEED = Buffer.from('\n');

/** Whether the value can be a line. An empty value, or a value with a line break, can't. */
export function isLine({ value }: SinkRecord): boolean {
  return !value.includes(LINE_FEED) && value.length > 0;
}

export function toLines(records: SinkRecord[]): Buffer {
  return Buffer.concat(records.flatMap(({ value }) => [value, LINE_FEED]));
}

/**
 * Splits a content into lines. The last line may lack its line feed, because a crash of the machine may have cut
 * it.
 */
export function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const found = content.indexOf(LINE_FEED, at);
    const end = found < 0 ? content.length : found;
    lines.push(content.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/**
 * Returns the records that have no line in the content. Each of several equal records needs a line of its own.
 */
export function notIn(content: Buffer, records: SinkRecord[]): SinkRecord[] {
  const counts = new Map<string, number>();
  for (const line of linesOf(content)) {
    const text = line.toString('latin1');
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return records.filter(({ value }) => {
    const text = value.toString('latin1');
    const count = counts.get(text) ?? 0;
    counts.set(text, count - 1);
    return count <= 0;
  });
}
