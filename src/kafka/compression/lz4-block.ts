import { CorruptDataError } from './decompress-errors';
import type { Unpacked } from './unpacked';

/** Up to this length a loop copies faster than a call does. */
const SHORT = 32;

/**
 * Appends what the LZ4 block `data[at, end)` unpacks to, at most `most` bytes. Matches of the block may reach back
 * to `earliest`, a position in the output.
 */
export function unpackLz4Block(
  data: Buffer,
  at: number,
  end: number,
  output: Unpacked,
  earliest: number,
  most: number,
): void {
  output.reserve(Math.min(most, 255 * (end - at)));
  const out = output.bytes;
  let to = output.length;
  const outEnd = Math.min(to + most, out.length);
  const full = () =>
    outEnd === out.length && outEnd < output.length + most
      ? output.tooLarge()
      : corrupt('a block unpacks to more than its frame allows');

  for (;;) {
    if (at >= end) throw corrupt('a block is cut off');
    const token = data[at++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (at >= end) throw corrupt('a block is cut off');
        literals += more = data[at++]!;
      } while (more === 255);
    }
    if (literals > end - at) throw corrupt('a block is cut off');
    if (literals > outEnd - to) throw full();
    if (literals > SHORT) {
      out.set(data.subarray(at, at + literals), to);
      at += literals;
      to += literals;
    } else {
      for (const stop = at + literals; at < stop;) out[to++] = data[at++]!;
    }
    // A block ends with literals.
    if (at === end) break;

    if (end - at < 2) throw corrupt('a block is cut off');
    const distance = data[at]! | (data[at + 1]! << 8);
    at += 2;
    let from = to - distance;
    if (distance === 0 || from < earliest) throw corrupt('a match reaches back too far');
    let length = token & 15;
    if (length === 15) {
      let more: number;
      do {
        if (at >= end) throw corrupt('a block is cut off');
        length += more = data[at++]!;
      } while (more === 255);
    }
    length += 4;
    if (length > outEnd - to) throw full();
    if (length > SHORT && distance >= length) {
      out.copyWithin(to, from, from + length);
      to += length;
    } else if (length > SHORT && distance === 1) {
      out.fill(out[from]!, to, to + length);
      to += length;
    } else {
      for (const stop = to + length; to < stop;) out[to++] = out[from++]!;
    }
  }
  output.length = to;
}

function corrupt(why: string): CorruptDataError {
  return new CorruptDataError('lz4', why);
}
