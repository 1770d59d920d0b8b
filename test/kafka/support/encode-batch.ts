/** A batch of message format v2. It is encoded by the protocol's description, without the code under test. */
export interface BatchToEncode {
  baseOffset?: number;
  records: RecordToEncode[];
  /** Default: the delta of the last record. */
  lastOffsetDelta?: number;
  attributes?: number;
  baseTimestamp?: bigint;
  maxTimestamp?: bigint;
  producerId?: bigint;
  leaderEpoch?: number;
  /** Replaces the bytes of the records, by compressed or by wrong bytes. */
  packed?: (records: Buffer) => Buffer;
  /** Default: the number of records. */
  count?: number;
}

export interface RecordToEncode {
  offsetDelta: number;
  timestampDelta?: bigint;
  key?: Buffer | null;
  value?: Buffer | null;
  headers?: [name: string, value: Buffer | null][];
}

export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

export function encodeBatch(batch: BatchToEncode): Buffer {
  const { baseOffset = 0, records, attributes = 0, packed = (bytes: Buffer) => bytes } = batch;
  const body = packed(Buffer.concat(records.map(encodeRecord)));
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(BigInt(baseOffset), 0);
  head.writeInt32BE(49 + body.length, 8);
  head.writeInt32BE(batch.leaderEpoch ?? 0, 12);
  head.writeInt8(2, 16);
  head.writeInt16BE(attributes, 21);
  head.writeInt32BE(batch.lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? 0, 23);
  head.writeBigInt64BE(batch.baseTimestamp ?? 1_700_000_000_000n, 27);
  head.writeBigInt64BE(batch.maxTimestamp ?? 1_700_000_000_000n, 35);
  head.writeBigInt64BE(batch.producerId ?? -1n, 43);
  head.writeInt16BE(0, 51);
  head.writeInt32BE(-1, 53);
  head.writeInt32BE(batch.count ?? records.length, 57);
  const whole = Buffer.concat([head, body]);
  whole.writeUInt32BE(checksum(whole.subarray(21), 0x82f63b78), 17);
  return whole;
}

/** Encodes the marker that ends a producer's transaction. */
export function encodeMarker(baseOffset: number, producerId: bigint, type: 'abort' | 'commit') {
  return encodeBatch({
    baseOffset,
    producerId,
    attributes: TRANSACTIONAL | CONTROL,
    records: [
      {
        offsetDelta: 0,
        key: Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]),
        value: Buffer.alloc(6),
      },
    ],
  });
}

/** Encodes a message of format v0 or v1. */
export function encodeMessage(
  offset: number,
  magic: 0 | 1,
  {
    key = null,
    value = null,
    attributes = 0,
    timestamp = 1_700_000_000_000n,
  }: {
    key?: Buffer | null;
    value?: Buffer | null;
    attributes?: number;
    timestamp?: bigint;
  },
): Buffer {
  const body = Buffer.concat([
    Buffer.from([magic, attributes]),
    ...(magic === 1 ? [int64(timestamp)] : []),
    sized(key),
    sized(value),
  ]);
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(BigInt(offset), 0);
  head.writeInt32BE(4 + body.length, 8);
  head.writeUInt32BE(checksum(body, 0xedb88320), 12);
  return Buffer.concat([head, body]);
}

function encodeRecord(record: RecordToEncode): Buffer {
  const { offsetDelta, timestampDelta = 0n, key = null, value = null, headers = [] } = record;
  const body = Buffer.concat([
    Buffer.alloc(1),
    varint(timestampDelta),
    varint(BigInt(offsetDelta)),
    varSized(key),
    varSized(value),
    varint(BigInt(headers.length)),
    ...headers.flatMap(([name, content]) => [varSized(Buffer.from(name)), varSized(content)]),
  ]);
  return Buffer.concat([varint(BigInt(body.length)), body]);
}

function varSized(bytes: Buffer | null): Buffer {
  return bytes ? Buffer.concat([varint(BigInt(bytes.length)), bytes]) : varint(-1n);
}

function sized(bytes: Buffer | null): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes ? bytes.length : -1);
  return Buffer.concat([length, bytes ?? Buffer.alloc(0)]);
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** Encodes a number in zigzag and base 128, as the protocol does for 32 and 64 bits. */
export function varint(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

/** The CRC with any polynomial, bit by bit. */
function checksum(bytes: Buffer, polynomial: number): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  }
  return ~crc >>> 0;
}
