/** Thrown when bytes end too early or say something that the Kafka protocol does not allow. */
export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError';
}

const HIGH = 2 ** 32;

/** A 64-bit integer as a number; beyond 2^53 it is the nearest number. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
}

/**
 * Reads bytes of Kafka's protocol, from a position that moves with each read. A read beyond the end throws a
 * `CorruptRecordError`, so that a wrong length never reads bytes that belong to something else.
 */
export class ByteReader {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#skip(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#skip(4));
  }

  int64(): number {
    return readInt64(this.bytes, this.#skip(8));
  }

  bigInt64(): bigint {
    return this.bytes.readBigInt64BE(this.#skip(8));
  }

  /** A zigzag-encoded integer of 32 bits, in at most five bytes. */
  varint(): number {
    const raw = this.uvarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** An unsigned integer of 32 bits, in at most five bytes. */
  uvarint(): number {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return raw >>> 0;
    }
    throw new CorruptRecordError('a number takes more than 5 bytes');
  }

  /** A zigzag-encoded integer of 64 bits: a number if it takes at most seven bytes, otherwise a bigint. */
  varlong(): number | bigint {
    const start = this.at;
    let raw = 0;
    // Seven bytes have 49 bits, which a number adds up exactly.
    for (let scale = 1, count = 0; count < 7; count++, scale *= 128) {
      const byte = this.#byte();
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    this.at = start;
    return this.#longVarlong();
  }

  #longVarlong(): bigint {
    let raw = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        raw = BigInt.asUintN(64, raw);
        return (raw >> 1n) ^ -(raw & 1n);
      }
    }
    throw new CorruptRecordError('a number takes more than 10 bytes');
  }

  /** The next `length` bytes as a slice, without a copy; null if `length` is negative. */
  slice(length: number): Buffer | null {
    if (length < 0) return null;
    const start = this.#skip(length);
    return this.bytes.subarray(start, start + length);
  }

  /** Skips the optional fields that newer versions of the protocol have at the end of each structure. */
  skipTags(): void {
    for (let tags = this.uvarint(); tags > 0; tags--) {
      this.uvarint();
      this.#skip(this.uvarint());
    }
  }

  skip(length: number): void {
    this.#skip(length);
  }

  #byte(): number {
    if (this.at >= this.end) throw new CorruptRecordError('the bytes end too early');
    return this.bytes[this.at++]!;
  }

  #skip(length: number): number {
    const start = this.at;
    if (length < 0) throw new CorruptRecordError(`a length of ${length} bytes is negative`);
    if (length > this.end - start) {
      throw new CorruptRecordError(
        `${length} bytes are expected, but only ${this.end - start} are left`,
      );
    }
    this.at = start + length;
    return start;
  }
}
