import fc from 'fast-check';
import '../../../src/kafka/kafkajs-patches/encoder';
import { nullableBytes } from '../../domain/support/records';

type Encode = (record: object) => { buffer: Buffer };
const RECORD = 'kafkajs/src/protocol/recordBatch/record/v0';
const encode = jest.requireActual<Encode>(RECORD);
let encodeAsPublished: Encode;
jest.isolateModules(() => {
  encodeAsPublished = jest.requireActual<Encode>(RECORD);
});

test('the encoder writes records byte for byte as unpatched kafkajs does', () => {
  const numbers = fc.oneof(
    fc.constantFrom(0, 1, 63, 64, 127, 128, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1),
    fc.nat(2 ** 31 - 1),
  );
  const record = fc.record({
    key: nullableBytes,
    value: fc.oneof(
      nullableBytes,
      fc.constantFrom(511, 512, 1024, 70_000).map((n) => Buffer.alloc(n, 7)),
    ),
    headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.string({ maxLength: 70 })),
    offsetDelta: numbers,
    timestampDelta: fc.oneof(numbers, fc.integer({ min: -(2 ** 41), max: 2 ** 41 })),
  });
  expect(encodeAsPublished).not.toBe(encode);
  fc.assert(
    fc.property(record, (given) => encode(given).buffer.equals(encodeAsPublished(given).buffer)),
    { numRuns: 500 },
  );
});

test('the encoder refuses a number that is no integer, as unpatched kafkajs does', () => {
  const headers = {};
  const record = { key: null, value: null, headers, offsetDelta: 0, timestampDelta: 1.5 };
  expect(() => encodeAsPublished(record)).toThrow(RangeError);
  expect(() => encode(record)).toThrow(RangeError);
});

interface Written {
  buffer: Buffer;
  writeUVarInt(value: number): this;
  writeVarInt(value: number): this;
  writeVarLong(value: number | bigint): this;
  writeInt32(value: number): this;
  writeVarIntBytes(value: Buffer | null): this;
}
interface EncoderClass {
  new (initialSize?: number): Written;
  sizeOfVarLong(value: number | bigint): number;
}
const ENCODER = 'kafkajs/src/protocol/encoder';
const Encoder = jest.requireActual<EncoderClass>(ENCODER);
let EncoderAsPublished: EncoderClass;
jest.isolateModules(() => {
  EncoderAsPublished = jest.requireActual<EncoderClass>(ENCODER);
});

test('the encoder writes every number as unpatched kafkajs does, alone and between others', () => {
  const integers = fc.oneof(
    fc.constantFrom(0, -1, 63, -64, 64, 2 ** 30 - 1, 2 ** 30, -(2 ** 31), 2 ** 31 - 1, 2 ** 32 - 1),
    fc.integer(),
  );
  const longs = fc.oneof(integers, fc.maxSafeInteger());
  const written = (encoder: Written, ints: number[], many: number[], bytes: Buffer | null) => {
    for (const value of ints)
      encoder
        .writeUVarInt(value)
        .writeVarInt(value)
        .writeInt32(value | 0);
    for (const value of many) encoder.writeVarLong(value);
    return encoder.writeVarIntBytes(bytes).writeInt32(7).buffer;
  };
  expect(EncoderAsPublished).not.toBe(Encoder);
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.array(integers),
      fc.array(longs),
      nullableBytes,
      (size, ints, many, bytes) => {
        const own = written(new Encoder(size), ints, many, bytes);
        expect(own).toEqual(written(new EncoderAsPublished(size), ints, many, bytes));
        for (const value of many) {
          expect(Encoder.sizeOfVarLong(value)).toBe(EncoderAsPublished.sizeOfVarLong(value));
        }
      },
    ),
    { numRuns: 300 },
  );
});
