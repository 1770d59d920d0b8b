import { isUtf8 } from 'node:buffer';
import type { RecordLabels, KafkaRecord } from '../record/record';
import type { AnyStream } from '../stream/stream';
import { truncateUtf8 } from '../record/workflow-id';

/**
 * The most bytes of a text before it becomes a label. Labels are part of memos and headers, whose size is
 * limited.
 */
const MAX_LABEL_BYTES = 255;
/** The most bytes of a binary key in a label. Each byte takes two characters, after the `0x`. */
const MAX_BINARY_BYTES = 64;
/**
 * Characters that control a terminal, break a line or change the direction of text, and halves of characters.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Makes a label of at most 255 bytes: the beginning of a text, with U+FFFD for each character that is not
 * printable. A text that is compared with a label goes through this function as well. The text is cut before the
 * replacement, because it may be long, and after it, because U+FFFD takes up to three times the bytes.
 */
export function label(text: string): string {
  const beginning = truncateUtf8(text, MAX_LABEL_BYTES);
  const printable = beginning.replace(UNPRINTABLE, '\ufffd');
  return printable === beginning ? printable : truncateUtf8(printable, MAX_LABEL_BYTES);
}

/** The key as text, or as `0x` and hexadecimal digits if it is not UTF-8. */
export function keyLabel(key: Buffer | null): string | undefined {
  if (key === null) return undefined;
  if (isUtf8(key)) return label(key.toString('utf8'));
  return `0x${key.subarray(0, MAX_BINARY_BYTES).toString('hex')}`;
}

/** The labels of a record that could not become a message. Never throws. */
export function labelsOf(stream: Pick<AnyStream, 'messageId'>, record: KafkaRecord): RecordLabels {
  const { key, unreadable } = record;
  // The value of an unreadable batch is the whole batch, which has no id.
  const rawId = unreadable === undefined ? rawIdOf(stream, record) : undefined;
  const keyText = keyLabel(key);
  return { ...(keyText !== undefined && { key: keyText }), ...(rawId !== undefined && { rawId }) };
}

/** Whether a record with these labels is the one that somebody asks for by the text `asked`. */
export function isLabelled({ key, rawId }: { key?: unknown; rawId?: unknown }, asked: string) {
  const wanted = label(asked);
  return key === wanted || rawId === wanted;
}

/**
 * The id that the stream reads from the value without checking the schema, or else the value's field `id`.
 * The stream's function was written for valid messages only, so it may throw here.
 */
function rawIdOf({ messageId }: Pick<AnyStream, 'messageId'>, record: KafkaRecord) {
  const { value } = record;
  let json: unknown;
  try {
    json = value === null ? undefined : JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  return idLabel(() => messageId(json, record)) ?? idLabel(() => (json as { id?: unknown }).id);
}

function idLabel(read: () => unknown): string | undefined {
  try {
    const id = read();
    if (typeof id === 'string' && id !== '') return label(id);
    // JavaScript has rounded a larger integer, so its digits would be another id.
    const isExact = typeof id === 'number' && (Number.isSafeInteger(id) || !Number.isInteger(id));
    return isExact ? String(id) : undefined;
  } catch {
    return undefined;
  }
}
