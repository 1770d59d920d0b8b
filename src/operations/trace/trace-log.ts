import { deadLetterHeader, recordOfLetter } from '../../domain/workflow/dead-letter';
import { batchDigest } from '../../domain/workflow/record-start';
import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import { positionOfMemo } from './trace-runs';

/**
 * The facts on a record, besides its position, in a run's memo or a dead letter. A topic that was deleted and
 * created again has the same positions again, with other records.
 */
export interface RecordMark {
  timestamp?: number | undefined;
  /** Digest of an unreadable batch, which has no timestamp. */
  digest?: string | undefined;
}

/**
 * Whether the mark is of another record than the one that lies at the position now. A field that the mark lacks
 * proves nothing. A batch that was unreadable may be readable now, or the reverse. Then only one of the two has a
 * timestamp, which proves nothing either.
 */
export function isOfOtherLog(record: KafkaRecord, { timestamp, digest }: RecordMark): boolean {
  const own = batchDigest(record);
  if (own !== undefined && digest !== undefined) return own !== digest;
  if (own !== undefined || digest !== undefined) return false;
  return timestamp !== undefined && timestamp !== record.timestamp;
}

export function markOfLetter(letter: KafkaRecord): RecordMark {
  const timestamp = deadLetterHeader(letter, 'timestamp') ?? '';
  return {
    timestamp: /^-?\d{1,19}$/.test(timestamp) ? Number(timestamp) : undefined,
    digest: batchDigest(recordOfLetter(letter)),
  };
}

function markOfMemo({ timestamp, digest }: Record<string, unknown>): RecordMark {
  return {
    timestamp: typeof timestamp === 'number' ? timestamp : undefined,
    digest: typeof digest === 'string' ? digest : undefined,
  };
}

/** The log of a topic that a trace asks about, as far as the trace has seen its records. */
export class SeenLog {
  readonly #records: Map<string, KafkaRecord>;
  readonly #topicId: string | undefined;
  readonly #isGone: boolean;

  /**
   * `topicId`: the topic's present id; absent if Kafka does not report it. `isGone`: the records are of an
   * earlier log than the present one, as a dead letter shows.
   */
  constructor(
    records: readonly KafkaRecord[],
    { topicId, isGone = false }: { topicId?: string | undefined; isGone?: boolean } = {},
  ) {
    this.#records = new Map(records.map((record) => [describePosition(record), record]));
    this.#topicId = topicId;
    this.#isGone = isGone;
  }

  at(position: RecordPosition): KafkaRecord | undefined {
    return this.#records.get(describePosition(position));
  }

  /** Whether the mark is of a record of another log. Without a record at the position nothing proves that. */
  isOther(position: RecordPosition | undefined, mark: RecordMark): boolean {
    const record = position && this.at(position);
    return record !== undefined && isOfOtherLog(record, mark);
  }

  /** Whether the run with this memo belongs to another log. */
  isOtherRun(memo: Record<string, unknown>): boolean {
    if ('first' in memo) return this.isOtherChunk(memo);
    return this.isOther(positionOfMemo(memo), markOfMemo(memo));
  }

  /**
   * Whether the chunk with this memo belongs to another log. The topic's id decides. If either side lacks the id,
   * the chunk's first record decides.
   */
  isOtherChunk(memo: Record<string, unknown>): boolean {
    if (this.#records.size === 0) return false;
    if (typeof memo.topicId === 'string' && this.#topicId !== undefined) {
      return (memo.topicId !== this.#topicId) !== this.#isGone;
    }
    const first = positionOfMemo({ ...memo, offset: memo.firstRecord });
    return this.isOther(first, markOfMemo(memo));
  }
}
