/**
 * A line of NDJSON that is not blank: its number, counted from 1, and its bytes without the white space at
 * its end.
 */
export interface Line {
  number: number;
  bytes: Buffer;
  /** The line continues, but the rest was not read. */
  cut?: true;
}

const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/**
 * Cuts NDJSON into lines. A line ends at a line feed and nowhere else, because a carriage return is white
 * space in JSON. Blank lines are skipped, and so are byte order marks at the start of any line: joined files
 * from Windows have several.
 */
export function* linesOf(ndjson: Buffer, firstNumber = 1): Generator<Line> {
  for (let at = 0, number = firstNumber, next; at < ndjson.length; at = next + 1, number++) {
    next = ndjson.indexOf(LINE_FEED, at);
    if (next < 0) next = ndjson.length;
    let start = at;
    if (ndjson[at] === BYTE_ORDER_MARK[0] && startsWithMark(ndjson, at)) {
      start += BYTE_ORDER_MARK.length;
    }
    let end = next;
    while (end > start && isSpace(ndjson[end - 1]!)) end--;
    if (end > start) yield { number, bytes: ndjson.subarray(start, end) };
  }
}

function startsWithMark(ndjson: Buffer, at: number): boolean {
  return ndjson.subarray(at, at + BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
}

/**
 * The white space that JSON allows between tokens, apart from the line feed. A carriage return is part of it.
 */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/**
 * Cuts NDJSON that arrives in pieces, like {@link linesOf}. If a line has not ended after more than
 * `maxBytes`, its beginning is yielded as `cut`, and nothing after it is read. Memory therefore never has to
 * keep the whole line.
 */
export async function* linesOfStream(
  pieces: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<Line> {
  let number = 1;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const piece of pieces) {
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      const whole = Buffer.concat([...begun, piece.subarray(0, end)]);
      yield* linesOf(whole, number);
      number += lineFeeds(whole);
      [begun, begunBytes] = [[], 0];
    }
    begun.push(piece.subarray(end));
    begunBytes += piece.length - end;
    if (begunBytes > maxBytes) {
      yield { number, bytes: Buffer.concat(begun), cut: true };
      return;
    }
  }
  yield* linesOf(Buffer.concat(begun), number);
}

function lineFeeds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
