import { isUtf8 } from 'node:buffer';
import { recordOfLetter } from '../../domain/workflow/dead-letter';
import { parseRecord, withoutFilters } from '../../domain/workflow/parse';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { hexDump } from '../../lib/hex-dump';
import { changedNumber } from '../../lib/changed-number';
import { looksBinary } from '../../lib/unprintable';

/** The ways to show a value. `decoded`: as the stream reads it; `raw`: its bytes as text; `hex`: its first bytes. */
export const VALUE_VIEWS = ['decoded', 'raw', 'hex'] as const;
export type ValueView = (typeof VALUE_VIEWS)[number];

export interface ShownValue {
  /** How the value is shown. It is `hex` for bytes that are no text, whatever was asked for. */
  view: ValueView;
  text: string;
  /** Whether the text is only the beginning. */
  isCut: boolean;
  /** Why the value is not shown as it was asked for; null if it is. */
  note: string | null;
}

/** A longer text slows a browser down, and nobody reads it there. The download has it all. */
const MAX_TEXT = 64 * 1024;

/** The check of the numbers of a longer value would hold up everybody who looks at the page. */
const MAX_CHECKED = 256 * 1024;

/** Shows the value of a dead letter's record. Null if the record has no value. */
export async function showValue(
  stream: AnyStream,
  letter: KafkaRecord,
  view: ValueView,
): Promise<ShownValue | null> {
  const { value } = letter;
  if (value === null) return null;
  if (view === 'hex') return asHex(value, null);
  if (view === 'raw') return asText(value, null);
  const parsed = await parseRecord(withoutFilters(stream), recordOfLetter(letter));
  if (parsed.ok) {
    const json = jsonOf(parsed.message);
    if (json !== undefined) return { view, ...cut(json), note: numberNote(stream, value) };
  }
  const { message = 'its code fails for now' } = (!parsed.ok && parsed.reason) || {};
  const note = parsed.ok
    ? 'What the stream makes of the value can not be written as JSON: these are its bytes.'
    : `The stream can not read the value: ${message}`;
  return asText(value, note);
}

/** Says that the stream reads a number with fewer digits than the record has. Code of the stream's own may read them all. */
function numberNote({ decode }: AnyStream, value: Buffer): string | null {
  if (decode || value.length > MAX_CHECKED) return null;
  const changed = changedNumber(value.toString('utf8'));
  if (changed === undefined) return null;
  return `Numbers of the record have more digits than the stream reads, such as ${changed}. The raw text has them all.`;
}

/** The text of a message as indented JSON; undefined if it has none, as with circles. */
function jsonOf(message: unknown): string | undefined {
  try {
    const plain = (_: string, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value;
    return JSON.stringify(message, plain, 2);
  } catch {
    return undefined;
  }
}

function asText(value: Buffer, note: string | null): ShownValue {
  const text = isUtf8(value) ? value.toString('utf8') : undefined;
  if (text === undefined || looksBinary(text)) {
    return asHex(value, note ?? 'The value is no text: these are its first bytes.');
  }
  return { view: 'raw', ...cut(text), note };
}

function asHex(value: Buffer, note: string | null): ShownValue {
  const text = hexDump(value, 'the download has them');
  return { view: 'hex', text, isCut: false, note };
}

function cut(text: string): { text: string; isCut: boolean } {
  return { text: text.slice(0, MAX_TEXT), isCut: text.length > MAX_TEXT };
}
