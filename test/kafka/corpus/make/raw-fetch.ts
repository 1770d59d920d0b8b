import { once } from 'node:events';
import { connect } from 'node:net';

export interface Fetched {
  bytes: Buffer;
  highWatermark: bigint;
  lastStableOffset: bigint;
  logStartOffset: bigint;
  abortedTransactions: { producerId: bigint; firstOffset: bigint }[];
}

export interface FetchOptions {
  port: number;
  topic: string;
  /** Default 0. */
  partition?: number;
  offset: bigint;
  isolation: 'read_committed' | 'read_uncommitted';
  maxBytes: number;
}

const FETCH = 1;
const VERSION = 11;

/** Sends one Fetch request for one partition without a client library, and returns the broker's raw answer. */
export async function rawFetch(options: FetchOptions): Promise<Fetched> {
  const socket = connect(options.port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    const body = Buffer.concat(request(options));
    socket.write(Buffer.concat([int32(body.length), body]));
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) break;
    }
    return response(received);
  } finally {
    socket.destroy();
  }
}

function request({ topic, partition = 0, offset, isolation, maxBytes }: FetchOptions): Buffer[] {
  return [
    ...[int16(FETCH), int16(VERSION), int32(1), text('corpus')],
    // Replica id, longest wait, least bytes, most bytes.
    ...[int32(-1), int32(100), int32(1), int32(maxBytes)],
    Buffer.from([isolation === 'read_committed' ? 1 : 0]),
    // No session.
    ...[int32(0), int32(-1)],
    ...[int32(1), text(topic), int32(1), int32(partition), int32(-1)],
    ...[int64(offset), int64(-1n), int32(maxBytes)],
    // No forgotten topics, no rack.
    ...[int32(0), text('')],
  ];
}

function response(received: Buffer): Fetched {
  // Size, correlation id, throttle time.
  let at = 12;
  const next16 = () => received.readInt16BE((at += 2) - 2);
  const next32 = () => received.readInt32BE((at += 4) - 4);
  const next64 = () => received.readBigInt64BE((at += 8) - 8);
  const failed = next16();
  // Session id, count of topics.
  at += 8;
  const name = next16();
  at += name;
  // Count of partitions, partition.
  at += 8;
  const error = failed || next16();
  if (error !== 0) throw new Error(`the broker answered with error ${error}`);
  const [highWatermark, lastStableOffset, logStartOffset] = [next64(), next64(), next64()];
  const abortedTransactions = Array.from({ length: Math.max(next32(), 0) }, () => ({
    producerId: next64(),
    firstOffset: next64(),
  }));
  // Preferred replica.
  at += 4;
  const size = Math.max(next32(), 0);
  const bytes = received.subarray(at, at + size);
  return { bytes, highWatermark, lastStableOffset, logStartOffset, abortedTransactions };
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function int64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
