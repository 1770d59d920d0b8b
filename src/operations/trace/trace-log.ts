import { deadLetterHeader, recordOfLetter } from '../../domain/workflow/dead-letter';
import { batchDigest } from '../../domain/workflow/record-start';
import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import { positionOfMemo } from './trace-runs';

/**
 * What a run or a dead letter says of its record besides the place. A topic that was deleted and made anew has the
 * same places again, with other records.
 */
export interface RecordMark {
  timestamp?: number | undefined;
  /** Of an unreadable batch, which has no timestamp. */
  digest?: string | undefined;
}

/**
 * Whether the mark is of another record than the one that lies at the place now. What it does not say is no sign. A batch
 * that was unreadable may be readable now, and the other way round: one of both has no timestamp then, which is no sign.
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

/** The log that a trace asks for, as far as it has seen its records. */
export class SeenLog {
  readonly #records: Map<string, KafkaRecord>;
  readonly #topicId: string | undefined;
  readonly #isGone: boolean;

  /**
   * `topicId`: of the topic as it is now; absent where Kafka does not tell it. `isGone`: the records are of a log
   * before that one, as a dead letter tells of them.
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

  /** Whether the letter is of another log's record. Without a record at its place nothing says so. */
  isOther(position: RecordPosition | undefined, mark: RecordMark): boolean {
    const record = position && this.at(position);
    return record !== undefined && isOfOtherLog(record, mark);
  }

  /** The same for the memo of a run. */
  isOtherRun(memo: Record<string, unknown>): boolean {
    if ('first' in memo) return this.isOtherChunk(memo);
    return this.isOther(positionOfMemo(memo), markOfMemo(memo));
  }

  /** The topic's id tells; where either lacks it, the chunk's first record does. */
  isOtherChunk(memo: Record<string, unknown>): boolean {
    if (this.#records.size === 0) return false;
    if (typeof memo.topicId === 'string' && this.#topicId !== undefined) {
      return (memo.topicId !== this.#topicId) !== this.#isGone;
    }
    const first = positionOfMemo({ ...memo, offset: memo.firstRecord });
    return this.isOther(first, markOfMemo(memo));
  }
}
