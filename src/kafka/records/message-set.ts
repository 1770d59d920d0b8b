import type { KafkaRecord } from '../../domain/record/record';
import { ByteReader, CorruptRecordError } from './byte-reader';
import { crc32 } from './crc32';
import { decompress } from '../compression/decompress';
import type { Codec } from '../compression/decompress-errors';

/**
 * Messages of formats v0 and v1. Brokers before 4.0 may still keep messages from producers before Kafka 0.11. The
 * value of a compressed message is a set of messages:
 *
 *     offset int64, size int32, then within that size
 *     crc uint32, magic int8, attributes int8, timestamp int64 (v1 only), key bytes, value bytes
 */
const CODECS: readonly (Codec | undefined)[] = [undefined, 'gzip', 'snappy', 'lz4'];
const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const NO_TIMESTAMP = -1;

interface Message extends Pick<KafkaRecord, 'timestamp' | 'exactTimestamp' | 'key' | 'value'> {
  offset: number;
  magic: number;
  attributes: number;
}

/** The records of one message, given with offset and size: the message itself, or those that it holds compressed. */
export function decodeMessage(
  bytes: Buffer,
  topic: string,
  partition: number,
  limit: number,
): KafkaRecord[] {
  const outer = readMessage(new ByteReader(bytes));
  return unpack(outer, limit).map(({ offset, timestamp, exactTimestamp, key, value }) => ({
    topic,
    partition,
    offset,
    timestamp,
    exactTimestamp,
    key,
    value,
    headers: [],
  }));
}

function unpack(outer: Message, limit: number): Message[] {
  const codec = CODECS[outer.attributes & CODEC_MASK];
  if ((outer.attributes & CODEC_MASK) === 0) return [outer];
  if (!codec) {
    throw new CorruptRecordError(`compression type ${outer.attributes & CODEC_MASK} is not known`);
  }
  if (outer.value === null) throw new CorruptRecordError('a compressed message has no value');
  const reader = new ByteReader(decompress(codec, outer.value, limit));
  const inner: Message[] = [];
  while (reader.left > 0) inner.push(readMessage(reader));
  if (inner.length === 0) throw new CorruptRecordError('a compressed message holds no message');
  if (inner.some(({ attributes }) => (attributes & CODEC_MASK) !== 0)) {
    throw new CorruptRecordError('a compressed message holds another compressed message');
  }
  if (inner.some(({ magic }) => magic !== outer.magic)) {
    throw new CorruptRecordError('a compressed message holds messages of another format');
  }
  if (outer.magic === 0) return inner;
  // Format v1: offsets count within the set, and the outer offset is that of the last message.
  const base = outer.offset - inner.at(-1)!.offset;
  const appended = (outer.attributes & LOG_APPEND_TIME) !== 0;
  return inner.map((message) => ({
    ...message,
    offset: base + message.offset,
    ...(appended && { timestamp: outer.timestamp, exactTimestamp: outer.exactTimestamp }),
  }));
}

function readMessage(reader: ByteReader): Message {
  const offset = reader.int64();
  const size = reader.int32();
  const start = reader.at;
  reader.skip(size);
  const message = new ByteReader(reader.bytes, start, start + size);
  const expected = message.int32() >>> 0;
  const found = crc32(message.bytes.subarray(message.at, message.end));
  if (found !== expected) throw new CorruptRecordError('the checksum of a message is wrong');
  const magic = message.int8();
  const attributes = message.int8();
  if (magic !== 0 && magic !== 1) {
    throw new CorruptRecordError(`message format ${magic} is not known`);
  }
  const exact = magic === 1 ? message.bigInt64() : BigInt(NO_TIMESTAMP);
  const timestamp = Number(exact);
  const key = message.slice(message.int32());
  const value = message.slice(message.int32());
  return {
    offset,
    magic,
    attributes,
    timestamp,
    exactTimestamp: Number.isSafeInteger(timestamp) ? undefined : String(exact),
    key,
    value,
  };
}
