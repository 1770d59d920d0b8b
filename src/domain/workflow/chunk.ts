import type { Predecessor } from './key-hash';
import type { ChunkRange, RecordMemo } from '../record/record';
import type { WorkflowStart } from './record-start';
import type { AnyStream } from '../stream/stream';
import { fitWorkflowId } from '../record/workflow-id';

/** Input of `deliverChunk`. The records themselves stay in Kafka, and in the bridge's memory. */
export interface ChunkInput extends ChunkRange {
  stream: string;
  /**
   * Number of records in the range. A compacted topic, or one with transactions, has fewer records than
   * offsets.
   */
  count: number;
  /** Timestamp of the first record, in milliseconds since the epoch. */
  timestamp: number;
  /** Offset of the first record. It is greater than `first` if the range begins with a gap. */
  firstRecord: number;
  /** Id of the topic, if Kafka reports it. A topic that was deleted and created again has another id. */
  topicId?: string;
  /**
   * The leader epoch under which all records of the chunk were written. If a log has lost its end, other
   * records have the same offsets under a later epoch. Absent: not known.
   */
  epoch?: number;
  /**
   * Only for ordered streams: the keys with a workflow of their own that may not have ended. Records of such
   * a key wait for that workflow, or leave the chunk, each after its predecessor.
   */
  after?: Predecessor[];
}

/** The memo of a chunk's workflow. From it, a restarted bridge knows where the next chunk begins. */
export interface ChunkMemo extends RecordMemo, ChunkRange {
  messageId: null;
  count: number;
  firstRecord: number;
  topicId?: string;
  epoch?: number;
}

/**
 * Yields the ids that a chunk's workflow may have, in the order in which the bridge tries them. The end of
 * the range is not part of the ids. So, by three invariants, each record belongs to exactly one chunk:
 *
 * 1. A partition's first chunk begins at an offset that the group has committed.
 * 2. Every further chunk begins at the offset after the end of the chunk before it. The bridge knows that end
 *    from the start that it made. If the id exists already, it reads the end from the memo of the workflow that
 *    has the id. Only then does the bridge start the next chunk.
 * 3. Each commit says where the chain ends. The end is the committed offset, unless only markers follow the end, or
 *    records that retention has deleted. These are committed as well, and the commit's metadata has the end (`chain`).
 *    If the last chunk's workflow existed already, its end may lie behind what was fetched. Then the end of the chunk
 *    before it counts, and the next owner meets the last chunk's workflow again.
 *    So a consumer that begins at a commit, after a crash or as the partition's new owner, begins right after some
 *    chunk or at the beginning of the first chunk.
 *
 * The server accepts an id only once, so each beginning has one workflow, and each workflow has one end. By
 * induction all consumers of the partition walk the same chain of chunks. This includes a consumer that does
 * not know yet that its partition was revoked. The induction fails if offsets are reset by hand to the middle
 * of a chunk, or once the namespace's retention has deleted the workflows. In both cases the sink recognizes
 * duplicates.
 *
 * The second id is for two cases: a topic that was created again has the same offsets a second time, or a
 * message id makes a record's workflow id equal to a chunk's id.
 */
export function* chunkWorkflowIds({
  stream,
  topic,
  partition,
  first,
  timestamp,
}: Pick<ChunkInput, 'stream' | 'topic' | 'partition' | 'first' | 'timestamp'>): Generator<string> {
  const id = `${stream}-chunk-${topic}-${partition}-${first}`;
  yield fitWorkflowId(id);
  yield fitWorkflowId(`${id}~${timestamp}`);
}

export function startOfChunk(stream: AnyStream, chunk: ChunkInput): WorkflowStart {
  const [workflowId, ...furtherIds] = chunkWorkflowIds(chunk);
  const memo: ChunkMemo & Pick<ChunkInput, 'after'> = {
    ...chunk,
    offset: chunk.first,
    messageId: null,
  };
  // `after` differs between two starts of the same chunk, so the memo must not have it.
  delete memo.after;
  return {
    workflowType: 'deliverChunk',
    workflowId: workflowId!,
    furtherIds,
    args: [chunk, stream.retry],
    memo,
  };
}

/**
 * Whether a workflow's memo belongs to the chunk that begins like this one. The topic's id and the leader
 * epoch show whether the log was created again or has lost its end. The first record shows it as well, even
 * if id and epoch are not known. But retention or compaction may have removed that record since. Then the
 * first record that is left must be in the workflow's range, and must have existed when the workflow was
 * started.
 */
export function isSameChunk(
  holder: Record<string, unknown>,
  memo: ChunkMemo,
  startedAt: Date,
): boolean {
  const fields = ['stream', 'messageId', 'topic', 'partition', 'first'] as const;
  if (!fields.every((field) => holder[field] === memo[field])) return false;
  // Chunks of earlier versions have neither of them.
  const ofLog = ['topicId', 'epoch'] as const;
  if (ofLog.some((field) => differs(holder[field], memo[field]))) return false;
  const { timestamp, firstRecord, last } = holder;
  if (memo.firstRecord === firstRecord) return timestamp === memo.timestamp;
  const wasTaken = memo.firstRecord > Number(firstRecord) && memo.firstRecord <= Number(last);
  return wasTaken && memo.timestamp <= startedAt.getTime();
}

function differs(one: unknown, other: unknown): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/** `<topic>/<partition>@<first>-<last>`: a chunk's position in a log line or a message. */
export function describeRange({ topic, partition, first, last }: ChunkRange): string {
  return `${topic}/${partition}@${first}-${last}`;
}
