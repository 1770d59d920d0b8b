import { uncompressSync } from 'snappy';
import { CorruptDataError, TooLargeError } from './decompress-errors';

/** Begins the stream format of snappy-java, in which block sizes are big-endian numbers. */
const XERIAL_MAGIC = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]);
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 8;
/** The magic's first four bytes, read as a block's size. */
const XERIAL_MAGIC_HEAD = XERIAL_MAGIC.readUInt32BE(0);
const LEAST_VERSION = 1;
/** The highest ratio by which Snappy shrinks data: three bytes copy up to 64. */
const MOST_RATIO = 64 / 3;

/**
 * Unpacks both formats of Snappy. Java's clients send the stream format of snappy-java; librdkafka and others send
 * one plain block. The formats are told apart as snappy-java does it.
 */
export function unpackSnappy(data: Buffer, limit: number): Buffer {
  if (!isXerialHeader(data, 0)) {
    if (unpackedLength(data) > limit) throw new TooLargeError('snappy', limit);
    return unpackBlock(data);
  }
  const blocks: Buffer[] = [];
  let room = limit;
  for (const block of xerialBlocks(data)) {
    room -= unpackedLength(block);
    if (room < 0) throw new TooLargeError('snappy', limit);
    blocks.push(unpackBlock(block));
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
}

function isXerialHeader(data: Buffer, at: number): boolean {
  return (
    data.length - at >= XERIAL_HEADER_BYTES &&
    data.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, at, at + XERIAL_MAGIC.length) === 0
  );
}

/**
 * The blocks of a stream, which may continue with another stream. Ignores up to three bytes at the end, like
 * snappy-java.
 */
function* xerialBlocks(data: Buffer): Generator<Buffer> {
  let at = 0;
  while (data.length - at >= 4) {
    const size = data.readUInt32BE(at);
    if (size === XERIAL_MAGIC_HEAD) {
      at = afterXerialHeader(data, at);
      continue;
    }
    const end = at + 4 + size;
    if (end > data.length) {
      throw new CorruptDataError('snappy', `the block of ${size} bytes at byte ${at} is cut off`);
    }
    yield data.subarray(at + 4, end);
    at = end;
  }
}

function afterXerialHeader(data: Buffer, at: number): number {
  if (!isXerialHeader(data, at)) {
    throw new CorruptDataError('snappy', `the stream header at byte ${at} is cut off or damaged`);
  }
  const version = data.readInt32BE(at + XERIAL_MAGIC.length);
  if (version < LEAST_VERSION) {
    throw new CorruptDataError('snappy', `unknown version ${version} of snappy-java's stream`);
  }
  return at + XERIAL_HEADER_BYTES;
}

/** The length that a block states at its beginning. Throws if the block can't have that length. */
function unpackedLength(block: Buffer): number {
  let length = 0;
  for (let at = 0; at < 5 && at < block.length; at++) {
    const byte = block[at]!;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (length <= block.length * MOST_RATIO) return length;
      throw new CorruptDataError('snappy', `${block.length} bytes can't unpack to ${length}`);
    }
  }
  throw new CorruptDataError('snappy', 'the length at the beginning of a block is cut off');
}

function unpackBlock(block: Buffer): Buffer {
  try {
    return uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (error) {
    throw new CorruptDataError('snappy', (error as Error).message, { cause: error });
  }
}
