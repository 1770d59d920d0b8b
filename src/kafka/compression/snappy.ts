import { uncompressSync } from 'snappy';
import { CorruptDataError, TooLargeError } from './decompress-errors';

/** The stream format of snappy-java begins so; its block sizes are numbers in big-endian order. */
const XERIAL_MAGIC = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]);
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 8;
/** The magic's first four bytes, which stand in the place of a block's size. */
const XERIAL_MAGIC_HEAD = XERIAL_MAGIC.readUInt32BE(0);
const LEAST_VERSION = 1;
/** Three bytes copy up to 64; Snappy shrinks no further. */
const MOST_RATIO = 64 / 3;

/**
 * Unpacks what Java's clients send, which is the stream format of snappy-java, and what librdkafka and
 * others send, which is one plain block. Which it is, is decided as snappy-java does.
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

/** A stream may be appended to another. Fewer than four bytes at the end are passed over, as snappy-java does. */
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

/** The length that a block names at its beginning, once it is one that the block can have. */
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
