const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACE = 0x7b;
const BRACKET = 0x5b;
/** In ASCII, a closing brace or bracket is its opening one plus two. */
const TO_CLOSING = 2;
const isSpace = (byte: number) => byte <= 0x20;

/**
 * Splits a JSON array into its elements, each as the bytes that the sender wrote. Numbers beyond 2^53 and
 * repeated keys therefore stay unchanged. `json` must be valid.
 */
export function elementsOf(json: Buffer): Buffer[] {
  return Array.from(partsOf(json), ([part]) => trimmed(part));
}

/**
 * Splits a JSON object into its members, each value as the bytes that the sender wrote. If a key is repeated,
 * its last value counts. Returns `undefined` if there are more than `max` members; each copy of a key counts.
 * `json` must be valid.
 */
export function membersOf(json: Buffer, max: number): Map<string, Buffer> | undefined {
  const members = new Map<string, Buffer>();
  let count = 0;
  for (const [part, colon] of partsOf(json)) {
    if (++count > max) return undefined;
    const name = JSON.parse(part.subarray(0, colon).toString()) as string;
    members.set(name, trimmed(part.subarray(colon + 1)));
  }
  return members;
}

/**
 * Yields the parts between the commas of the outermost array or object, each with the index of its outermost
 * colon.
 */
function* partsOf(json: Buffer): Generator<[part: Buffer, colon: number]> {
  const inner = trimmed(trimmed(json).subarray(1, -1));
  let start = 0;
  let colon = -1;
  let depth = 0;
  for (let at = 0; at < inner.length; at++) {
    const byte = inner[at]!;
    if (byte === QUOTE) at = endOfString(inner, at);
    else if (byte === BRACE || byte === BRACKET) depth++;
    else if (byte === BRACE + TO_CLOSING || byte === BRACKET + TO_CLOSING) depth--;
    else if (depth > 0) continue;
    else if (byte === COLON) colon = at - start;
    else if (byte === COMMA) {
      yield [inner.subarray(start, at), colon];
      start = at + 1;
    }
  }
  if (inner.length > 0) yield [inner.subarray(start), colon];
}

function endOfString(json: Buffer, start: number): number {
  for (let end = json.indexOf(QUOTE, start + 1); ; end = json.indexOf(QUOTE, end + 1)) {
    let escapes = 0;
    while (json[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

function trimmed(bytes: Buffer): Buffer {
  let from = 0;
  let to = bytes.length;
  while (from < to && isSpace(bytes[from]!)) from++;
  while (to > from && isSpace(bytes[to - 1]!)) to--;
  return bytes.subarray(from, to);
}
