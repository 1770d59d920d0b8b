import { xxh32 } from '@node-rs/xxhash';
import { CorruptDataError } from './decompress-errors';
import { unpackLz4Block } from './lz4-block';
import { Unpacked } from './unpacked';

const MAGIC = 0x184d2204;
const LEGACY_MAGIC = 0x184c2102;
const LEGACY_BLOCK_BYTES = 8 * 1024 * 1024;
/** The magic number without its last four bits, which may have any value. */
const SKIPPABLE_MAGIC = 0x184d2a5;
/** The most bytes that one byte of a block unpacks to. */
const MOST_RATIO = 255;

const UNCOMPRESSED_BLOCK = 0x8000_0000;

/**
 * Unpacks LZ4 frames, one after another, and checks every checksum that they have. As in Java's client and the lz4
 * tool, data behind a frame is ignored if it does not begin with the magic number of a frame.
 *
 * The code is our own, because no library does this: lz4js checks nothing and has had no release since 2018;
 * lz4-napi reads one frame, without a limit on its size.
 */
export function unpackLz4(data: Buffer, limit: number): Buffer {
  const output = new Unpacked('lz4', data.length, MOST_RATIO * data.length, limit);
  let at = 0;
  let frames = 0;
  for (; data.length - at >= 4; frames++) {
    const magic = data.readUInt32LE(at);
    if (magic === MAGIC) at = readFrame(data, at, output);
    else if (magic === LEGACY_MAGIC) at = readLegacyFrame(data, at, output);
    else if (magic >>> 4 === SKIPPABLE_MAGIC) at = skipFrame(data, at);
    else break;
  }
  if (frames === 0) throw corrupt("it does not begin with LZ4's magic number");
  return output.since(0);
}

function skipFrame(data: Buffer, at: number): number {
  need(data, at, 8);
  const size = data.readUInt32LE(at + 4);
  need(data, at + 8, size);
  return at + 8 + size;
}

interface Descriptor {
  blockBytes: number;
  linked: boolean;
  blockChecksums: boolean;
  contentChecksum: boolean;
  contentSize: bigint | undefined;
  end: number;
}

function readDescriptor(data: Buffer, at: number): Descriptor {
  need(data, at, 7);
  const flags = data[at + 4]!;
  const blockSize = data[at + 5]!;
  if (flags >>> 6 !== 1) throw corrupt(`unknown version ${flags >>> 6} of the frame format`);
  if (flags & 2 || blockSize & 0x8f) throw corrupt('a reserved bit of the frame header is set');
  if (blockSize >>> 4 < 4) throw corrupt(`unknown block size ${blockSize >>> 4}`);
  if (flags & 1) throw corrupt('it needs a dictionary, and Kafka has none');
  const hasSize = (flags & 8) !== 0;
  const end = at + 6 + (hasSize ? 8 : 0);
  need(data, end, 1);
  checkHeader(data, at, end);
  return {
    blockBytes: 1 << (8 + 2 * (blockSize >>> 4)),
    linked: (flags & 0x20) === 0,
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 4) !== 0,
    contentSize: hasSize ? data.readBigUInt64LE(at + 6) : undefined,
    end: end + 1,
  };
}

/**
 * Clients of Kafka 0.8 and 0.9 computed the checksum from the magic number on, which the format does not include.
 * Both checksums are always accepted, because batches of such clients stay in a log when brokers are upgraded. The
 * cost is one more accepted value of 256.
 */
function checkHeader(data: Buffer, at: number, end: number): void {
  const found = data[end];
  const checksum = (start: number) => (xxh32(data.subarray(start, end)) >>> 8) & 0xff;
  if (found !== checksum(at + 4) && found !== checksum(at)) {
    throw corrupt("the frame header's checksum does not match");
  }
}

function readFrame(data: Buffer, start: number, output: Unpacked): number {
  const descriptor = readDescriptor(data, start);
  const contentStart = output.length;
  let at = descriptor.end;
  for (;;) {
    need(data, at, 4);
    const field = data.readUInt32LE(at);
    at += 4;
    if (field === 0) break;
    at = readBlock(data, at, field, descriptor, contentStart, output);
  }
  const content = output.since(contentStart);
  if (descriptor.contentChecksum) {
    need(data, at, 4);
    checkSum(data, at, content, 'content');
    at += 4;
  }
  const { contentSize } = descriptor;
  if (contentSize !== undefined && contentSize !== BigInt(content.length)) {
    throw corrupt(`a frame of ${contentSize} bytes unpacks to ${content.length}`);
  }
  return at;
}

function readBlock(
  data: Buffer,
  at: number,
  field: number,
  { blockBytes, linked, blockChecksums }: Descriptor,
  contentStart: number,
  output: Unpacked,
): number {
  const plain = field >= UNCOMPRESSED_BLOCK;
  const size = plain ? field - UNCOMPRESSED_BLOCK : field;
  if (size > blockBytes) throw corrupt(`a block has ${size} bytes, more than its frame allows`);
  const end = at + size;
  need(data, at, blockChecksums ? size + 4 : size);
  if (blockChecksums) checkSum(data, end, data.subarray(at, end), 'block');
  if (plain) output.append(data.subarray(at, end));
  else unpackLz4Block(data, at, end, output, linked ? contentStart : output.length, blockBytes);
  return blockChecksums ? end + 4 : end;
}

/** The lz4 tool's first format: blocks until the data ends or the next frame begins. */
function readLegacyFrame(data: Buffer, start: number, output: Unpacked): number {
  let at = start + 4;
  while (at < data.length) {
    need(data, at, 4);
    const size = data.readUInt32LE(at);
    if (size === MAGIC || size === LEGACY_MAGIC || size >>> 4 === SKIPPABLE_MAGIC) break;
    need(data, at + 4, size);
    const end = at + 4 + size;
    unpackLz4Block(data, at + 4, end, output, output.length, LEGACY_BLOCK_BYTES);
    at = end;
  }
  return at;
}

function checkSum(data: Buffer, at: number, bytes: Buffer, what: string): void {
  if (xxh32(bytes) !== data.readUInt32LE(at)) throw corrupt(`a ${what} checksum does not match`);
}

function need(data: Buffer, at: number, bytes: number): void {
  if (at + bytes > data.length) throw corrupt('it is cut off');
}

function corrupt(why: string): CorruptDataError {
  return new CorruptDataError('lz4', why);
}
