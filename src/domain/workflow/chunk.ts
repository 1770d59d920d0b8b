import type { Predecessor } from './key-hash';
import type { ChunkRange, RecordMemo } from '../record/record';
import type { WorkflowStart } from './record-start';
import type { AnyStream } from '../stream/stream';
import { fitWorkflowId } from '../record/workflow-id';

/** Input of `deliverChunk`. The records themselves stay in Kafka, and in the bridge's memory. */
export interface ChunkInput extends ChunkRange {
  stream: string;
  /** Records in the range; fewer than offsets where a topic is compacted or has transactions. */
  count: number;
  /** Of the first record, in milliseconds since the epoch. */
  timestamp: number;
  /** Offset of the first record; greater than `first` where the range begins with a gap. */
  firstRecord: number;
  /** Id of the topic, where Kafka tells it: a topic that was created again has another. */
  topicId?: string;
  /**
   * The leader epoch under which all of its records were written: where a log has lost its end, other records
   * have the same offsets under a later one. Absent: not known.
   */
  epoch?: number;
  /**
   * Under an order of keys: keys with a workflow of their own that may not have ended. Their records
   * wait for it, or leave the chunk, each after the one before it.
   */
  after?: Predecessor[];
}

/** The memo of a chunk's workflow: what a restarted bridge needs to know where the next chunk begins. */
export interface ChunkMemo extends RecordMemo, ChunkRange {
  messageId: null;
  count: number;
  firstRecord: number;
  topicId?: string;
  epoch?: number;
}

/**
 * The ids a chunk's workflow may have, in the order in which the bridge tries them. The end of the range
 * is no part of them, and that is what makes each record belong to exactly one chunk:
 *
 * 1. A partition's first chunk begins at an offset that the group has committed.
 * 2. Every further chunk begins at the end of the one before it, plus one. The bridge knows that end
 *    from the start it made, or, when the id exists already, from the memo of the chunk that has it.
 *    Only then it starts the next one.
 * 3. Each commit tells where the chain ends: the committed offset, unless markers lie behind that end. Those are
 *    committed as well, and the metadata has the end (`chain`). So a consumer that begins at a commit, after
 *    a crash or as the partition's new owner, begins where some chunk ends, or where the first one begins.
 *
 * Of each beginning there is one workflow, as the server takes an id once, and it has one end. By
 * induction all consumers of the partition, one that has lost it without knowing included, walk the
 * same chain of chunks. This ends where offsets are reset by hand to the middle of a chunk, and with the
 * namespace's retention; then the sink tells duplicates.
 *
 * The second id is for a topic that was created again and has the same offsets a second time, and for
 * a message id that spells a chunk's id.
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
  // What is open differs each time that the chunk comes.
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
 * Whether a workflow's memo is that of the chunk which begins like this one. The topic's id and the leader epoch
 * tell a log that was made anew, or has lost its end; so does the first record, also if those are not known.
 * Retention or compaction may have taken that record since; then the first one
 * that is left must have been there when the workflow was started.
 */
export function isSameChunk(
  holder: Record<string, unknown>,
  memo: ChunkMemo,
  startedAt: Date,
): boolean {
  const fields = ['stream', 'messageId', 'topic', 'partition', 'first'] as const;
  if (!fields.every((field) => holder[field] === memo[field])) return false;
  // Chunks of earlier versions have none of these.
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

/** `<topic>/<partition>@<first>-<last>`: a chunk's place in a log line or a message. */
export function describeRange({ topic, partition, first, last }: ChunkRange): string {
  return `${topic}/${partition}@${first}-${last}`;
}
