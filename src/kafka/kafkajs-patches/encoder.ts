import Encoder from 'kafkajs/src/protocol/encoder';

/**
 * Writes the numbers of records directly into the buffer. kafkajs writes each number through a BigInt, an array
 * and a buffer of its own, which takes most of a producer's time. The numbers of records nearly always fit into 31
 * bits; only the others still take kafkajs's way.
 */
const { writeVarLong } = Encoder.prototype;
const { sizeOfVarLong } = Encoder;
const isSmall = (value: unknown): value is number =>
  typeof value === 'number' && (value & 0x3fffffff) === value;

/** Grows the buffer without filling bytes that are overwritten at once. */
Encoder.prototype.ensureAvailable = function (bytes) {
  const needed = this.offset + bytes;
  if (needed <= this.buf.length) return;
  const grown = Buffer.allocUnsafe(Encoder.nextPowerOfTwo(needed));
  this.buf.copy(grown, 0, 0, this.offset);
  this.buf = grown;
};

Encoder.prototype.writeUVarInt = function (value) {
  this.ensureAvailable(5);
  let rest = value >>> 0;
  while (rest > 0x7f) {
    this.buf[this.offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  this.buf[this.offset++] = rest;
  return this;
};

Encoder.prototype.writeVarLong = function (value) {
  return isSmall(value) ? this.writeUVarInt(value * 2) : writeVarLong.call(this, value);
};

Encoder.sizeOfVarLong = function (value) {
  return isSmall(value) ? Encoder.sizeOfVarInt(value) : sizeOfVarLong.call(Encoder, value);
};
