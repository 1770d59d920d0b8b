import Encoder from 'kafkajs/src/protocol/encoder';

/**
 * Stands for a header without a value. kafkajs can write null for a header, but fails when it adds up the sizes.
 * This buffer counts as empty, which takes the same number of bytes, and is written as null. Any other empty
 * buffer is written as before, so clients of other programs notice nothing.
 */
export const NULL_HEADER: Buffer = Buffer.alloc(0);

const encoder = Encoder.prototype;
const { writeVarIntBytes } = encoder;
encoder.writeVarIntBytes = function (value) {
  return writeVarIntBytes.call(this, value === NULL_HEADER ? null : value);
};
