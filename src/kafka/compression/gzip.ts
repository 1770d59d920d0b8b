import { crc32 } from '@node-rs/crc32';
import { inflateRawSync, type InflateRaw, type ZlibOptions } from 'node:zlib';
import { CorruptDataError, TooLargeError } from './decompress-errors';
import { firstBytes } from './unpacked';

const MAGIC = 0x8b1f;
const DEFLATE = 8;
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
/** The size of the smallest member: the header, an empty deflate stream, the trailer. */
const LEAST_MEMBER_BYTES = HEADER_BYTES + 2 + TRAILER_BYTES;
/** The highest ratio by which deflate shrinks data. */
const MOST_RATIO = 1032;

const HAS_HEADER_CRC = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;

/**
 * Unpacks gzip data (RFC 1952) as Java's GZIPInputStream does: member after member. Bytes that follow a member are
 * ignored unless they begin with the header of another member.
 *
 * Node's own gunzip ignores fewer such bytes and does not check the header's CRC.
 */
export function gunzip(data: Buffer, limit: number): Buffer {
  const members: Buffer[] = [];
  let room = limit;
  let at = 0;
  do {
    const body = bodyStart(data, at);
    if (typeof body === 'string') {
      if (at > 0) break;
      throw new CorruptDataError('gzip', body);
    }
    const { member, end } = readMember(data, body, room, limit);
    members.push(member);
    room -= member.length;
    at = end;
  } while (data.length - at >= LEAST_MEMBER_BYTES);
  return members.length === 1 ? members[0]! : Buffer.concat(members);
}

/** Where the deflate stream of the member at `at` begins, or what is wrong with the member's header. */
function bodyStart(data: Buffer, at: number): number | string {
  if (data.length - at < HEADER_BYTES) return 'the header is cut off';
  if (data.readUInt16LE(at) !== MAGIC) return "it does not begin with gzip's magic number";
  if (data[at + 2] !== DEFLATE) return `unknown compression method ${data[at + 2]}`;
  const flags = data[at + 3]!;
  let end = at + HEADER_BYTES;
  if (flags & HAS_EXTRA) {
    if (end + 2 > data.length) return 'the header is cut off';
    end += 2 + data.readUInt16LE(end);
  }
  for (const flag of [HAS_NAME, HAS_COMMENT]) {
    if (!(flags & flag)) continue;
    const zero = data.indexOf(0, end);
    if (zero < 0) return 'the header is cut off';
    end = zero + 1;
  }
  if (flags & HAS_HEADER_CRC) {
    if (end + 2 > data.length) return 'the header is cut off';
    if ((crc32(data.subarray(at, end)) & 0xffff) !== data.readUInt16LE(end)) {
      return "the header's CRC does not match";
    }
    end += 2;
  }
  return end > data.length ? 'the header is cut off' : end;
}

function readMember(data: Buffer, start: number, room: number, limit: number) {
  const input = data.subarray(start);
  const most = Math.min(room, MOST_RATIO * input.length);
  // One byte more than expected, because zlib asks for another piece when the first is full to the last byte.
  const chunkSize = 1 + Math.max(firstBytes(input.length, most), 64);
  const { buffer: member, engine } = inflate(
    input,
    { chunkSize, maxOutputLength: room + 1 },
    limit,
  );
  if (member.length > room) throw new TooLargeError('gzip', limit);
  const trailer = start + engine.bytesWritten;
  if (trailer + TRAILER_BYTES > data.length) {
    throw new CorruptDataError('gzip', 'the CRC and the size at its end are cut off');
  }
  if (crc32(member) !== data.readUInt32LE(trailer)) {
    throw new CorruptDataError('gzip', 'the CRC at its end does not match');
  }
  if (member.length >>> 0 !== data.readUInt32LE(trailer + 4)) {
    throw new CorruptDataError('gzip', 'the size at its end does not match');
  }
  return { member, end: trailer + TRAILER_BYTES };
}

function inflate(input: Buffer, options: ZlibOptions, limit: number) {
  try {
    // With `info`, Node also returns the engine, which knows how many bytes of the input it has read.
    const result: unknown = inflateRawSync(input, { ...options, info: true });
    return result as { buffer: Buffer; engine: InflateRaw };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new TooLargeError('gzip', limit);
    throw new CorruptDataError('gzip', message, { cause: error });
  }
}
