import { bytesOf, type KafkaRecord } from '../../domain/record/record';
import { CorruptRecordError, readInt64 } from './byte-reader';
import { decodeMessage } from './message-set';
import { BATCH_HEADER_BYTES, decodeRecords, readBatch, transactionEnd } from './record-batch';

/** A transaction whose records from `firstOffset` on are not for those who read committed ones. */
export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: number;
}

/** What a broker has answered to a fetch of one partition with isolation level `read_committed`. */
export interface RecordSet {
  topic: string;
  partition: number;
  /** The offset that was asked for. The first batch may begin before it. */
  fetchOffset: number;
  /** Whole batches, and at the end perhaps a part of one. */
  bytes: Buffer;
  /** Only transactions that overlap `bytes`. */
  abortedTransactions: AbortedTransaction[];
  /** Where the log ended a moment before the broker read `bytes`. What was written in between lies beyond it. */
  highWatermark: number;
}

/** A batch, or a message of an older format, that can't be turned into records. */
export interface UnreadableBatch {
  /** The first offset of the batch that was not read before. */
  offset: number;
  /** Where reading goes on if the batch is left out. */
  nextOffset: number;
  /** Why it can't be read, for people. */
  cause: string;
  /** The batch as the broker keeps it. */
  bytes: Buffer;
}

/** From the batch at `offset` on, the log was written under this leader epoch. Undefined: not known. */
export interface EpochStart {
  offset: number;
  epoch: number | undefined;
}

export interface DecodedRecords {
  /** Committed records from the asked-for offset on, in the order of their offsets. */
  records: KafkaRecord[];
  /** The offset to fetch next. It passes what is not for applications: markers, aborted records, gaps. */
  nextOffset: number;
  /** Leader epochs of all that lies before `nextOffset`, also of what is not for applications. */
  epochs: EpochStart[];
  /** What ended the decoding early; `nextOffset` lies before it. Absent: nothing did. */
  unreadable?: UnreadableBatch;
}

export interface DecodeLimits {
  /** Bytes that one batch may unpack to. */
  batchBytes: number;
  /** Bytes of keys, values and headers after which no further batch is decoded. It is fetched again. */
  enoughBytes: number;
}

/**
 * A producer's batch is 16 kB by default and at most as large as `max.request.size` (1 MB) before it is
 * compressed. 128 MiB leave room for every other producer, and bound what 1 MB of zeros may take.
 */
const DEFAULT_LIMITS: DecodeLimits = {
  batchBytes: 128 * 1024 * 1024,
  enoughBytes: 16 * 1024 * 1024,
};

/** Offset and length, which stand before every batch and message; see `record-batch.ts`. */
const PREFIX_BYTES = 12;
const MAGIC_AT = 16;

/**
 * Turns what a fetch has brought into records, by the rules of Kafka's own consumer (its class
 * `CompletedFetch`). Decoding ends before a batch that can't be read, and at a batch that the broker has
 * cut off. Never throws for what the bytes hold.
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
      // A batch is fetched as a whole, also if only its end was asked for.
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

/** Formats before the third have none, and -1 says that a batch has none. */
function leaderEpochOf(batch: Buffer): number | undefined {
  const epoch = batch.readInt8(MAGIC_AT) === 2 ? batch.readInt32BE(PREFIX_BYTES) : -1;
  return epoch < 0 ? undefined : epoch;
}

/**
 * The first offset of a batch is not in its checksum, because the broker writes it after the producer. An
 * offset beyond the log would make the partition skip what lies between. A batch that begins at the end of the log
 * was written while the broker answered: no batch can be missing before it.
 */
function checkFirstOffset(first: number, end: number): void {
  if (first >= 0 && first <= end) return;
  throw new CorruptRecordError(`it begins at offset ${first}, and the log ends before ${end}`);
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

/** The producers whose transaction at the current batch is one that they have aborted. */
class AbortedProducers {
  readonly #transactions: AbortedTransaction[];
  readonly #current = new Set<bigint>();
  #begun = 0;

  constructor(transactions: AbortedTransaction[]) {
    this.#transactions = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Transactions begin that have their first record at or before `offset`. */
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
 * The record that stands for a batch that can't be read, where one is asked for: in a dead letter, and for
 * whoever reads the log. It has no timestamp (-1), because the batch's own may be wrong as well.
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

  /** Wrong bytes may be those of the header, so the batch behind it is asked before the header is. */
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
