import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { compressSync } from 'snappy';
import { decompress } from '../../../src/kafka/compression/decompress';
import {
  CorruptDataError,
  TooLargeError,
  type Codec,
} from '../../../src/kafka/compression/decompress-errors';

const LIMIT = 1_000_000;
const zeros = Buffer.alloc(50_000_000);

/** A Zstandard frame with `blocks` blocks, each of one repeated byte. */
function zstdRuns(blocks: number, size = 100_000): Buffer {
  const headers = Array.from({ length: blocks }, (_, i) => {
    const block = Buffer.alloc(4);
    block.writeUIntLE((size << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0), 0, 3);
    block[3] = 0x61;
    return block;
  });
  // The header has no content size, and a window of 1 MiB.
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50]), ...headers]);
}

/** A Zstandard frame of one uncompressed block, with its size in the header. */
function zstdRaw(text: string): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((text.length << 3) | 1, 0, 3);
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, text.length]);
  return Buffer.concat([head, block, Buffer.from(text)]);
}

const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);

describe('data that unpacks to more than the limit is refused', () => {
  test.each<[Codec, Buffer]>([
    ['gzip', gzipSync(zeros)],
    ['snappy', compressSync(zeros)],
    ['zstd', zstdRuns(500)],
  ])('%s', (codec, bomb) => {
    expect(() => decompress(codec, bomb, LIMIT)).toThrow(TooLargeError);
    expect(decompress(codec, bomb, zeros.length)).toHaveLength(zeros.length);
  });
});

describe('zstd', () => {
  test('decodes several frames, skippable frames and empty frames', () => {
    const data = Buffer.concat([zstdRaw('one '), skippable, zstdRaw(''), zstdRaw('two')]);
    expect(decompress('zstd', data, LIMIT).toString()).toBe('one two');
  });

  test('refuses a frame with a dictionary, a frame that is cut off, and other data', () => {
    const withDictionary = zstdRaw('x');
    withDictionary[4] = 0x21;
    for (const data of [withDictionary, zstdRaw('four').subarray(0, -1), Buffer.from('plain')]) {
      expect(() => decompress('zstd', data, LIMIT)).toThrow(CorruptDataError);
    }
    expect(() => decompress('zstd', withDictionary, LIMIT)).toThrow(/dictionary/);
  });
});

describe('data of the corpus', () => {
  const folder = join(__dirname, '..', 'corpus', 'cases');
  const CODECS: Record<number, Codec> = { 1: 'gzip', 2: 'snappy', 3: 'lz4', 4: 'zstd' };
  /** The compressed part of the first batch of each case of format v2. */
  const samples = readdirSync(folder)
    .filter((name) => name.endsWith('.bin'))
    .map((name) => readFileSync(join(folder, name)))
    .filter(
      (bytes) => bytes.length > 61 && bytes[16] === 2 && 12 + bytes.readInt32BE(8) <= bytes.length,
    )
    .map((bytes) => ({
      codec: CODECS[bytes.readInt16BE(21) & 7],
      data: bytes.subarray(61, 12 + bytes.readInt32BE(8)),
    }))
    .filter(({ codec, data }) => codec !== undefined && data.length > 0 && data.length < 5_000);

  test('has samples of each codec', () => {
    expect(new Set(samples.map(({ codec }) => codec)).size).toBe(4);
  });

  test('with flipped or missing bytes gives an error of this module, or bytes within the limit', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (which, where, bits, cut) => {
          const { codec, data } = samples[which % samples.length]!;
          const changed = Buffer.from(cut ? data.subarray(0, where % data.length) : data);
          if (!cut) changed[where % data.length]! ^= bits;
          try {
            expect(decompress(codec!, changed, LIMIT).length).toBeLessThanOrEqual(LIMIT);
          } catch (error) {
            expect(error instanceof CorruptDataError || error instanceof TooLargeError).toBe(true);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
