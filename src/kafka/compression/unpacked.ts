import { TooLargeError, type Codec } from './decompress-errors';

const LEAST_BYTES = 64 * 1024;

/**
 * How many bytes to allocate at first for data that unpacks to at most `most` bytes. A size that the data only
 * claims is not trusted. Records rarely shrink to less than an eighth; for data that does, the buffer grows later.
 */
export function firstBytes(compressed: number, most: number): number {
  return Math.min(most, LEAST_BYTES + 8 * compressed);
}

/** The output so far, in one piece because later blocks copy from earlier ones. */
export class Unpacked {
  bytes: Buffer;
  length = 0;

  constructor(
    private readonly codec: Codec,
    compressed: number,
    most: number,
    private readonly limit: number,
  ) {
    this.bytes = Buffer.allocUnsafeSlow(Math.min(limit, firstBytes(compressed, most)));
  }

  /** Makes room for `more` bytes, or for as many as the limit allows. */
  reserve(more: number): void {
    const wanted = Math.min(this.length + more, this.limit);
    if (wanted <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(
      Math.min(Math.max(wanted, 2 * this.bytes.length), this.limit),
    );
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  append(block: Uint8Array): void {
    this.reserve(block.length);
    if (this.length + block.length > this.limit) throw this.tooLarge();
    this.bytes.set(block, this.length);
    this.length += block.length;
  }

  appendRepeated(byte: number, count: number): void {
    this.reserve(count);
    if (this.length + count > this.limit) throw this.tooLarge();
    this.bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  since(start: number): Buffer {
    return this.bytes.subarray(start, this.length);
  }

  tooLarge(): TooLargeError {
    return new TooLargeError(this.codec, this.limit);
  }
}
