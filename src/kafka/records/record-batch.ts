import type { KafkaRecord } from '../../domain/record/record';
import { ByteReader, CorruptRecordError, readInt64 } from './byte-reader';
import { crc32c } from './crc32c';
import { DecodedRecord, skipHeaders } from './decoded-record';
import { decompress } from '../compression/decompress';
import type { Codec } from '../compression/decompress-errors';

/**
 * The record batch of message format v2, which all producers since Kafka 0.11 write. Its header is not
 * compressed:
 *
 *     0 baseOffset int64          21 attributes int16        43 producerId int64
 *     8 length int32              23 lastOffsetDelta int32   51 producerEpoch int16
 *    12 partitionLeaderEpoch      27 baseTimestamp int64     53 baseSequence int32
 *    16 magic int8 = 2            35 maxTimestamp int64      57 count int32
 *    17 crc uint32 of all behind it                          61 records
 *
 * See https://kafka.apache.org/documentation/#recordbatch.
 */
export const BATCH_HEADER_BYTES = 61;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;

const CODECS: readonly (Codec | undefined)[] = [undefined, 'gzip', 'snappy', 'lz4', 'zstd'];
const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** The fewest bytes that a record can take: its own length and six numbers, each of one byte. */
const MIN_RECORD_BYTES = 7;

export interface RecordBatch {
  bytes: Buffer;
  baseOffset: number;
  /** The offset after the batch. Compaction removes records, but keeps this offset. */
  nextOffset: number;
  attributes: number;
  producerId: bigint;
  /** Whether the batch belongs to a transaction. */
  transactional: boolean;
  /** Whether the batch holds Kafka's own markers, which no application gets. */
  control: boolean;
  count: number;
}

/** The codec that a batch's attributes name; undefined: none. Throws if the codec is not known. */
export function codecOf(attributes: number): Codec | undefined {
  const id = attributes & CODEC_MASK;
  if (id >= CODECS.length) {
    throw new CorruptRecordError(`its compression type ${id} is not known`);
  }
  return CODECS[id];
}

/** Reads the header of a whole batch. Throws a {@link CorruptRecordError} if the checksum or the header is wrong. */
export function readBatch(bytes: Buffer): RecordBatch {
  if (bytes.length < BATCH_HEADER_BYTES) {
    throw new CorruptRecordError(`it has ${bytes.length} bytes, fewer than a header takes`);
  }
  const expected = bytes.readUInt32BE(CRC_AT);
  const found = crc32c(bytes.subarray(ATTRIBUTES_AT));
  if (found !== expected) {
    const hex = (crc: number) => crc.toString(16).padStart(8, '0');
    throw new CorruptRecordError(
      `its checksum is ${hex(found)}, but its header states ${hex(expected)}`,
    );
  }
  const baseOffset = readInt64(bytes, 0);
  const attributes = bytes.readInt16BE(ATTRIBUTES_AT);
  const lastOffsetDelta = bytes.readInt32BE(23);
  const count = bytes.readInt32BE(57);
  if (lastOffsetDelta < 0) {
    throw new CorruptRecordError(`its last offset is ${lastOffsetDelta} after its first`);
  }
  if (count < 0) throw new CorruptRecordError(`it has ${count} records`);
  return {
    bytes,
    baseOffset,
    nextOffset: baseOffset + lastOffsetDelta + 1,
    attributes,
    producerId: bytes.readBigInt64BE(43),
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    count,
  };
}

/** How a control batch ends its producer's transaction; undefined for other markers. */
export function transactionEnd(batch: RecordBatch): 'abort' | 'commit' | undefined {
  const [marker] = decodeRecords(batch, '', 0, batch.bytes.length);
  // The key: version int16, type int16.
  if (!marker?.key || marker.key.length < 4) return undefined;
  const type = marker.key.readInt16BE(2);
  return type === 0 ? 'abort' : type === 1 ? 'commit' : undefined;
}

/**
 * The records of a batch in the order of their offsets. Throws if the batch breaks the rules of the protocol: a
 * batch is decoded as a whole or not at all. `limit`: how many bytes the batch may unpack to.
 */
export function decodeRecords(
  batch: RecordBatch,
  topic: string,
  partition: number,
  limit: number,
): KafkaRecord[] {
  const { bytes, baseOffset, attributes, count, nextOffset } = batch;
  const packed = bytes.subarray(BATCH_HEADER_BYTES);
  const codec = codecOf(attributes);
  // Compaction may empty a batch. The batch still names a codec, but has nothing to unpack.
  if (count === 0 && packed.length === 0) return [];
  const source = codec ? decompress(codec, packed, limit) : packed;
  if (count * MIN_RECORD_BYTES > source.length) {
    throw new CorruptRecordError(`${source.length} bytes can't hold its ${count} records`);
  }
  const timestampOf = timestampsOf(batch);
  const reader = new ByteReader(source);
  const records = new Array<KafkaRecord>(count);
  let last = -1;
  for (let i = 0; i < count; i++) {
    const length = reader.varint();
    const end = reader.at + length;
    if (length < 0 || end > source.length) {
      throw new CorruptRecordError(`record ${i} of its ${count} has a length of ${length} bytes`);
    }
    reader.skip(1); // The record's attributes, which have no meaning yet.
    const timestampDelta = reader.varlong();
    const offsetDelta = reader.varint();
    if (offsetDelta <= last || baseOffset + offsetDelta >= nextOffset) {
      throw new CorruptRecordError(
        `record ${i} has offset ${baseOffset + offsetDelta}, which is not above the previous record's or lies outside ${baseOffset} to ${nextOffset - 1}`,
      );
    }
    last = offsetDelta;
    const key = reader.slice(reader.varint());
    const value = reader.slice(reader.varint());
    const headersAt = reader.at;
    skipHeaders(reader);
    if (reader.at !== end) {
      throw new CorruptRecordError(
        `record ${i} states a length of ${length} bytes, but has ${reader.at - end + length}`,
      );
    }
    const offset = baseOffset + offsetDelta;
    const timestamp = timestampOf(timestampDelta);
    records[i] = new DecodedRecord(
      topic,
      partition,
      offset,
      Number(timestamp),
      key,
      value,
      source,
      headersAt,
      end,
      typeof timestamp === 'bigint' ? String(timestamp) : undefined,
    );
  }
  if (reader.left > 0) {
    throw new CorruptRecordError(`${reader.left} bytes follow the last of its ${count} records`);
  }
  return records;
}

/** Computes timestamps of a batch's records from their deltas: a bigint if a number can't hold the timestamp. */
function timestampsOf({
  bytes,
  attributes,
}: RecordBatch): (delta: number | bigint) => number | bigint {
  const exact = bytes.readBigInt64BE((attributes & LOG_APPEND_TIME) === 0 ? 27 : 35);
  const base = Number(exact);
  if ((attributes & LOG_APPEND_TIME) !== 0) {
    // The broker has written the time of the append as the highest timestamp. It applies to all records.
    const appended = Number.isSafeInteger(base) ? base : exact;
    return () => appended;
  }
  return (delta) => {
    const sum = base + Number(delta);
    if (Number.isSafeInteger(base) && Number.isSafeInteger(sum)) return sum;
    return BigInt.asIntN(64, exact + BigInt(delta));
  };
}
