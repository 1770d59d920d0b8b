import zlib, { type ZlibOptions } from 'node:zlib';
import { xxh64 } from '@node-rs/xxhash';
import { Decompress } from 'fzstd';
import { CorruptDataError, TooLargeError } from './decompress-errors';

const MAGIC = 0xfd2fb528;
/** The magic number without its last four bits, which may have any value. */
const SKIPPABLE_MAGIC = 0x184d2a5;
const LAST_BLOCK = 1;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const LOW_32_BITS = 0xffff_ffffn;

/** Undefined before Node 22.15. */
const { zstdDecompressSync: unpackByNode } = zlib as {
  zstdDecompressSync?: (data: Buffer, options: ZlibOptions) => Buffer;
};

interface Frame {
  /** Where the frame ends, including its checksum. */
  end: number;
  contentSize: bigint | undefined;
  /** Low 32 bits of the content's xxHash64; undefined: the frame has none. */
  checksum: number | undefined;
}

/**
 * Unpacks Zstandard frames (RFC 8878), one after another, and skips skippable frames. Node has Zstandard since
 * version 22.15. Before that version fzstd unpacks the frames, and fzstd checks nothing. So sizes and checksums
 * are checked here for both.
 */
export function unpackZstd(data: Buffer, limit: number): Buffer {
  const contents: Buffer[] = [];
  let room = limit;
  let at = 0;
  if (data.length < 4) throw corrupt('it is cut off');
  while (at < data.length) {
    need(data, at, 4);
    const magic = data.readUInt32LE(at);
    if (magic >>> 4 === SKIPPABLE_MAGIC) {
      need(data, at, 8);
      const end = at + 8 + data.readUInt32LE(at + 4);
      need(data, end, 0);
      at = end;
      continue;
    }
    if (magic !== MAGIC) throw corrupt("a frame does not begin with Zstandard's magic number");
    const frame = readFrame(data, at);
    const content = unpackFrame(data.subarray(at, frame.end), frame, room, limit);
    contents.push(content);
    room -= content.length;
    at = frame.end;
  }
  return contents.length === 1 ? contents[0]! : Buffer.concat(contents);
}

function readFrame(data: Buffer, start: number): Frame {
  let at = start + 4;
  need(data, at, 1);
  const descriptor = data[at++]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 4) !== 0;
  if ((descriptor & 8) !== 0) throw corrupt('a reserved bit of a frame header is set');
  if (!singleSegment) at++;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  need(data, at, dictionaryBytes);
  if (dictionaryBytes > 0 && data.readUIntLE(at, dictionaryBytes) !== 0) {
    throw corrupt('it needs a dictionary, and Kafka has none');
  }
  at += dictionaryBytes;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  need(data, at, sizeBytes);
  const contentSize = readContentSize(data, at, sizeBytes);
  at += sizeBytes;
  for (let last = false; !last;) {
    need(data, at, 3);
    const header = data.readUIntLE(at, 3);
    last = (header & LAST_BLOCK) !== 0;
    const type = (header >>> 1) & 3;
    if (type === RESERVED_BLOCK) throw corrupt('a block is of a type that does not exist');
    at += 3 + (type === RLE_BLOCK ? 1 : header >>> 3);
    need(data, at, 0);
  }
  need(data, at, hasChecksum ? 4 : 0);
  return {
    contentSize,
    checksum: hasChecksum ? data.readUInt32LE(at) : undefined,
    end: hasChecksum ? at + 4 : at,
  };
}

function readContentSize(data: Buffer, at: number, bytes: number): bigint | undefined {
  switch (bytes) {
    case 1:
      return BigInt(data[at]!);
    case 2:
      return BigInt(data.readUInt16LE(at) + 256);
    case 4:
      return BigInt(data.readUInt32LE(at));
    case 8:
      return data.readBigUInt64LE(at);
    default:
      return undefined;
  }
}

function unpackFrame(bytes: Buffer, frame: Frame, room: number, limit: number): Buffer {
  const { contentSize, checksum } = frame;
  if (contentSize !== undefined && contentSize > BigInt(room))
    throw new TooLargeError('zstd', limit);
  const content = unpackByNode
    ? byNode(unpackByNode, bytes, room, limit)
    : byFzstd(bytes, room, limit);
  if (contentSize !== undefined && contentSize !== BigInt(content.length)) {
    throw corrupt(`a frame of ${contentSize} bytes unpacks to ${content.length}`);
  }
  if (checksum !== undefined && Number(xxh64(content) & LOW_32_BITS) !== checksum) {
    throw corrupt("a frame's checksum does not match");
  }
  return content;
}

function byNode(
  unpack: NonNullable<typeof unpackByNode>,
  bytes: Buffer,
  room: number,
  limit: number,
): Buffer {
  try {
    // Node does not accept zero as a limit.
    return unpack(bytes, { maxOutputLength: Math.max(room, 1) });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new TooLargeError('zstd', limit);
    throw new CorruptDataError('zstd', message, { cause: error });
  }
}

function byFzstd(bytes: Buffer, room: number, limit: number): Buffer {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Decompress((chunk) => {
    length += chunk.length;
    if (length > room) throw new TooLargeError('zstd', limit);
    // fzstd reuses the memory of the chunk.
    chunks.push(chunk.slice());
  });
  try {
    stream.push(bytes, true);
  } catch (error) {
    if (error instanceof TooLargeError) throw error;
    throw new CorruptDataError('zstd', (error as Error).message, { cause: error });
  }
  return Buffer.concat(chunks);
}

function need(data: Buffer, at: number, bytes: number): void {
  if (at + bytes > data.length) throw corrupt('it is cut off');
}

function corrupt(why: string): CorruptDataError {
  return new CorruptDataError('zstd', why);
}
