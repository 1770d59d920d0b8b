import type { ChunkMemo } from './chunk';
import { label } from './record-labels';
import { describePosition, type RecordMemo } from '../record/record';
import { truncateUtf8 } from '../record/workflow-id';

/**
 * The most bytes of a summary. Temporal refuses a start whose summary takes more than 400 bytes as a payload.
 * JSON may write a byte as two, and the payload also contains the name of its encoding.
 */
const MAX_SUMMARY_BYTES = 150;

/** Makes the one printable line that the Temporal UI shows for a workflow. */
export function summary(text: string): string {
  return truncateUtf8(label(text), MAX_SUMMARY_BYTES);
}

/** The summary of a record's or a chunk's workflow. */
export function summaryOfStart(memo: RecordMemo | ChunkMemo): string {
  const { stream, messageId, topic, partition } = memo;
  if ('first' in memo) {
    return summary(`${stream} ${topic}/${partition}@${memo.first} to ${memo.last}`);
  }
  if (messageId !== null) return summary(`${stream} ${foreign(messageId)}`);
  const { rawId, key } = memo;
  const name = rawId ?? key;
  const known = name === undefined ? '' : ` ${foreign(name)}`;
  return summary(`${stream} invalid${known} ${describePosition(memo)}`);
}

/**
 * Formats a foreign id as code. The UI reads a summary as Markdown, and anybody may choose an id: code can't
 * be a link.
 */
function foreign(id: string): string {
  return `\`${truncateUtf8(label(id), MAX_SUMMARY_BYTES / 2).replaceAll('`', "'")}\``;
}
