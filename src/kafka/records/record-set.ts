import { bytesOf, type KafkaRecord } from '../../domain/record/record';
import { CorruptRecordError, readInt64 } from './byte-reader';
import { decodeMessage } from './message-set';
import { BATCH_HEADER_BYTES, decodeRecords, readBatch, transactionEnd } from './record-batch';

/** A transaction whose records from `firstOffset` on are hidden from readers of committed records. */
export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: number;
}

/** A broker's answer to a fetch of one partition with isolation level `read_committed`. */
export interface RecordSet {
  topic: string;
  partition: number;
  /** The requested offset. The first batch may begin before it. */
  fetchOffset: number;
  /** Whole batches, perhaps followed by a part of one. */
  bytes: Buffer;
  /** Only the transactions that overlap `bytes`. */
  abortedTransactions: AbortedTransaction[];
  /** Where the log ended just before the broker read `bytes`. Records written in between lie beyond it. */
  highWatermark: number;
}

/** A batch, or a message of an older format, that can't be turned into records. */
export interface UnreadableBatch {
  /** The first offset of the batch that has not been read yet. */
  offset: number;
  /** Where reading continues if the batch is skipped. */
  nextOffset: number;
  /** Why it can't be read, for people. */
  cause: string;
  /** The batch as the broker keeps it. */
  bytes: Buffer;
}

/** The leader epoch under which the log was written from the batch at `offset` on; undefined: not known. */
export interface EpochStart {
  offset: number;
  epoch: number | undefined;
}

export interface DecodedRecords {
  /** Committed records from the requested offset on, in the order of their offsets. */
  records: KafkaRecord[];
  /** The offset to fetch next. Markers, aborted records and gaps, which no application gets, are passed. */
  nextOffset: number;
  /** Leader epochs of everything before `nextOffset`, including markers and aborted records. */
  epochs: EpochStart[];
  /** The batch that ended the decoding early; it lies at `nextOffset` or after. Absent: no batch did. */
  unreadable?: UnreadableBatch;
}

export interface DecodeLimits {
  /** How many bytes one batch may unpack to. */
  batchBytes: number;
  /** After this many bytes of keys, values and headers no further batch is decoded; it is fetched again. */
  enoughBytes: number;
}

/**
 * A producer's batch has 16 kB by default, and at most `max.request.size` (1 MB) before it is compressed. 128 MiB
 * leave room for every other producer, and limit the memory that 1 MB of compressed zeros may take.
 */
const DEFAULT_LIMITS: DecodeLimits = {
  batchBytes: 128 * 1024 * 1024,
  enoughBytes: 16 * 1024 * 1024,
};

/** Bytes of offset and length, which precede every batch and message; see `record-batch.ts`. */
const PREFIX_BYTES = 12;
const MAGIC_AT = 16;

/**
 * Turns fetched bytes into records, by the rules of Kafka's own consumer (its class `CompletedFetch`). Decoding
 * ends before a batch that can't be read, and before a batch that the broker has cut off. Never throws because of
 * the bytes.
 */
export function decodeRecordSet(
  set: RecordSet,
  { batchBytes, enoughBytes }: DecodeLimits = DEFAULT_LIMITS,
): DecodedRecords {
  const { topic, partition, bytes, fetchOffset } = set;
  const aborted = new AbortedProducers(set.abortedTransactions);
  const records: KafkaRecord[] = [];
  const epochs: EpochStart[] = [];
  let nextOffset = fetchOffset;
  let taken = 0;
  for (let at = 0; bytes.length - at > MAGIC_AT && taken < enoughBytes;) {
    const size = PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (size > bytes.length - at) break;
    const batch = bytes.subarray(at, at + Math.max(size, MAGIC_AT + 1));
    let decoded: { records: KafkaRecord[]; nextOffset: number };
    try {
      decoded = decodeBatch(batch, topic, partition, batchBytes, aborted);
      checkFirstOffset(readInt64(batch, 0), Math.max(nextOffset, set.highWatermark));
    } catch (error) {
      const following = at + size;
      return {
        records,
        nextOffset,
        epochs,
        unreadable: unreadableBatch(set, batch, following, nextOffset, error),
      };
    }
    for (const record of decoded.records) {
      // A batch is fetched as a whole, even if only its end was requested.
      if (record.offset < nextOffset) continue;
      records.push(record);
      taken += bytesOf(record);
    }
    nextOffset = Math.max(nextOffset, decoded.nextOffset);
    const epoch = leaderEpochOf(batch);
    if (epochs.length === 0 || epochs.at(-1)!.epoch !== epoch) {
      epochs.push({ offset: readInt64(batch, 0), epoch });
    }
    at += size;
  }
  return { records, nextOffset, epochs };
}

/** Undefined for formats before v2, which have no leader epoch, and for a batch with epoch -1, which means none. */
function leaderEpochOf(batch: Buffer): number | undefined {
  const epoch = batch.readInt8(MAGIC_AT) === 2 ? batch.readInt32BE(PREFIX_BYTES) : -1;
  return epoch < 0 ? undefined : epoch;
}

/**
 * Checks the first offset of a batch. The checksum does not cover this offset, because the broker writes it after
 * the producer. An offset beyond the log would make the partition skip everything before that offset. A batch that
 * begins at the end of the log is right: it was written while the broker answered, and no batch can be missing
 * before it.
 */
function checkFirstOffset(first: number, end: number): void {
  if (first < 0) throw new CorruptRecordError(`it begins at offset ${first}, which is negative`);
  if (first <= end) return;
  throw new CorruptRecordError(`it begins at offset ${first}, beyond the end of the log at ${end}`);
}

function decodeBatch(
  bytes: Buffer,
  topic: string,
  partition: number,
  limit: number,
  aborted: AbortedProducers,
): { records: KafkaRecord[]; nextOffset: number } {
  const magic = bytes.readInt8(MAGIC_AT);
  if (magic === 0 || magic === 1) {
    return {
      records: decodeMessage(bytes, topic, partition, limit),
      nextOffset: readInt64(bytes, 0) + 1,
    };
  }
  if (magic !== 2) throw new CorruptRecordError(`its format ${magic} is not known`);
  const batch = readBatch(bytes);
  const { nextOffset } = batch;
  if (batch.producerId >= 0n) {
    aborted.begin(nextOffset - 1);
    if (batch.control && transactionEnd(batch) === 'abort') aborted.end(batch.producerId);
    else if (batch.transactional && aborted.has(batch.producerId))
      return { records: [], nextOffset };
  }
  const records = batch.control ? [] : decodeRecords(batch, topic, partition, limit);
  return { records, nextOffset };
}

/** The producers whose transaction at the current batch was aborted. */
class AbortedProducers {
  readonly #transactions: AbortedTransaction[];
  readonly #current = new Set<bigint>();
  #begun = 0;

  constructor(transactions: AbortedTransaction[]) {
    this.#transactions = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Begins the transactions whose first record lies at or before `offset`. */
  begin(offset: number): void {
    while (this.#begun < this.#transactions.length) {
      const { firstOffset, producerId } = this.#transactions[this.#begun]!;
      if (firstOffset > offset) return;
      this.#current.add(producerId);
      this.#begun++;
    }
  }

  end(producerId: bigint): void {
    this.#current.delete(producerId);
  }

  has(producerId: bigint): boolean {
    return this.#current.has(producerId);
  }
}

/**
 * The record that stands for a batch that can't be read, in a dead letter and for readers of the log. It has no
 * timestamp (-1), because the batch's own timestamp may be wrong as well.
 */
export function recordOfUnreadable(
  topic: string,
  partition: number,
  { offset, bytes, cause }: UnreadableBatch,
): KafkaRecord {
  return {
    topic,
    partition,
    offset,
    timestamp: -1,
    key: null,
    value: bytes,
    headers: [],
    unreadable: cause,
  };
}

function unreadableBatch(
  { bytes, highWatermark }: RecordSet,
  batch: Buffer,
  following: number,
  nextOffset: number,
  error: unknown,
): UnreadableBatch {
  const offset = Math.max(readInt64(batch, 0), nextOffset);
  return {
    offset,
    nextOffset: offsetAfter(),
    cause: error instanceof Error ? error.message : String(error),
    bytes: batch,
  };

  /** The wrong bytes may be those of the header, so the following batch's offset is tried before the header's. */
  function offsetAfter(): number {
    if (following > 0 && bytes.length - following > PREFIX_BYTES) {
      const next = readInt64(bytes, following);
      if (next > offset && next <= highWatermark) return next;
    }
    if (batch.length >= BATCH_HEADER_BYTES && batch.readInt8(MAGIC_AT) === 2) {
      const next = readInt64(batch, 0) + batch.readInt32BE(23) + 1;
      if (next > offset) return Math.min(next, Math.max(highWatermark, offset + 1));
    }
    return offset + 1;
  }
}
