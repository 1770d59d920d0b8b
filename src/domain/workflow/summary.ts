import type { ChunkMemo } from './chunk';
import { label } from './record-labels';
import { describePosition, type RecordMemo } from '../record/record';
import { truncateUtf8 } from '../record/workflow-id';

/**
 * Temporal refuses a start whose summary takes more than 400 bytes as a payload. JSON may write a byte as two, and
 * the payload's encoding stands beside it.
 */
const MAX_SUMMARY_BYTES = 150;

/** One printable line that the Temporal UI shows of a workflow. */
export function summary(text: string): string {
  return truncateUtf8(label(text), MAX_SUMMARY_BYTES);
}

/** What the Temporal UI shows of a workflow of a record or of a chunk. */
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

/** The UI takes a summary for Markdown, and anybody may choose an id: as code it makes no link. */
function foreign(id: string): string {
  return `\`${truncateUtf8(label(id), MAX_SUMMARY_BYTES / 2).replaceAll('`', "'")}\``;
}
