import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  decodeRecordSet,
  recordOfUnreadable,
  type AbortedTransaction,
  type DecodeLimits,
} from '../../../src/kafka/records/record-set';
import type { KafkaRecord } from '../../../src/domain/record/record';
import {
  CONTROL,
  encodeBatch,
  encodeMarker,
  encodeMessage,
  TRANSACTIONAL,
  varint,
  type RecordToEncode,
} from '../support/encode-batch';

const GZIP = 1;

function decode(
  parts: Buffer[],
  {
    fetchOffset = 0,
    aborted = [],
    limits,
    highWatermark = 1_000_000,
  }: {
    fetchOffset?: number;
    aborted?: AbortedTransaction[];
    limits?: DecodeLimits;
    highWatermark?: number;
  } = {},
) {
  const place = { topic: 'topic', partition: 3, fetchOffset, highWatermark };
  const set = { ...place, bytes: Buffer.concat(parts), abortedTransactions: aborted };
  return decodeRecordSet(set, limits);
}

/** Epochs of a record set that begins at this offset. Batches of `encodeBatch` have leader epoch 0. */
const since = (offset: number) => [{ offset, epoch: 0 }];

/** Records with these values, one for each offset of a batch. */
function valued(...values: string[]): RecordToEncode[] {
  return values.map((value, offsetDelta) => ({ offsetDelta, value: Buffer.from(value) }));
}

function valuesOf({ records }: { records: KafkaRecord[] }): (string | undefined)[] {
  return records.map(({ value }) => value?.toString());
}

describe('a batch of format v2', () => {
  test('gives its records with offset, time, key, value and headers in their order', () => {
    const headers: [string, Buffer | null][] = [
      ['b', Buffer.from('1')],
      ['a', null],
      ['__proto__', Buffer.alloc(0)],
      ['b', Buffer.from('2')],
      ['', Buffer.from([0xff])],
    ];
    const { records, nextOffset, unreadable } = decode([
      encodeBatch({
        baseOffset: 70,
        baseTimestamp: 1_000n,
        records: [
          { offsetDelta: 0, key: null, value: null },
          {
            offsetDelta: 4,
            timestampDelta: -5n,
            key: Buffer.alloc(0),
            value: Buffer.from('v'),
            headers,
          },
        ],
        lastOffsetDelta: 9,
      }),
    ]);
    expect(unreadable).toBeUndefined();
    expect(nextOffset).toBe(80);
    expect(records.map((one) => ({ ...one, headers: one.headers }))).toEqual([
      {
        topic: 'topic',
        partition: 3,
        offset: 70,
        timestamp: 1_000,
        key: null,
        value: null,
        headers: [],
      },
      {
        ...{ topic: 'topic', partition: 3, offset: 74, timestamp: 995 },
        ...{ key: Buffer.alloc(0), value: Buffer.from('v'), headers },
      },
    ]);
  });

  test('gives every record the append time if the topic has log-append time', () => {
    const LOG_APPEND_TIME = 8;
    const batch = encodeBatch({
      attributes: LOG_APPEND_TIME,
      baseTimestamp: 5n,
      maxTimestamp: 77n,
      records: [{ offsetDelta: 0 }, { offsetDelta: 1, timestampDelta: 3n }],
    });
    expect(decode([batch]).records.map(({ timestamp }) => timestamp)).toEqual([77, 77]);
  });

  test.each([
    [1_795_914_000_000_000_123n, 0n],
    [0n, 1_795_914_000_000_000_123n],
    [(1n << 62n) - 1n, 1n << 62n],
    [-(1n << 63n), 0n],
    [-5n, -9_007_199_254_740_993n],
  ])('keeps all digits of the timestamp %i + %i', (baseTimestamp, timestampDelta) => {
    const batch = encodeBatch({ baseTimestamp, records: [{ offsetDelta: 0, timestampDelta }] });
    const [record] = decode([batch]).records;
    const exact = BigInt.asIntN(64, baseTimestamp + timestampDelta);
    expect(record).toMatchObject({ timestamp: Number(exact), exactTimestamp: String(exact) });
  });

  test('advances the offset if compaction has left no record in it', () => {
    for (const attributes of [0, GZIP, TRANSACTIONAL]) {
      const empty = encodeBatch({ baseOffset: 5, records: [], lastOffsetDelta: 4, attributes });
      expect(decode([empty])).toEqual({ records: [], nextOffset: 10, epochs: since(5) });
      const behind = encodeBatch({ baseOffset: 12, records: valued('a') });
      expect(decode([empty, behind])).toMatchObject({ nextOffset: 13, records: [{ offset: 12 }] });
    }
  });

  test('skips records before the requested offset', () => {
    const batch = encodeBatch({ baseOffset: 10, records: valued('a', 'b', 'c') });
    expect(valuesOf(decode([batch], { fetchOffset: 12 }))).toEqual(['c']);
    // Compaction has removed the requested record, and the whole batch lies before its offset.
    const nothing = { records: [], nextOffset: 14, epochs: since(10) };
    expect(decode([batch], { fetchOffset: 14 })).toEqual(nothing);
  });

  test('tells the first offset of each leader epoch', () => {
    const batches = [5, 5, 7, -1].map((leaderEpoch, i) =>
      encodeBatch({ baseOffset: i * 10, leaderEpoch, records: valued('a') }),
    );
    const old = encodeMessage(40, 1, { value: Buffer.from('a') });
    expect(decode([...batches, old]).epochs).toEqual([
      { offset: 0, epoch: 5 },
      { offset: 20, epoch: 7 },
      { offset: 30, epoch: undefined },
    ]);
  });

  test('is left to the next fetch if the broker has cut it off', () => {
    const first = encodeBatch({ records: valued('a') });
    const second = encodeBatch({ baseOffset: 1, records: valued('b') });
    for (let length = 0; length < second.length; length++) {
      const decoded = decode([first, second.subarray(0, length)]);
      const one = { records: ['a'], nextOffset: 1, epochs: since(0) };
      expect({ ...decoded, records: valuesOf(decoded) }).toEqual(one);
    }
  });

  test('may have more records than a function call may have arguments', () => {
    const records = Array.from({ length: 140_000 }, (_, offsetDelta) => ({ offsetDelta }));
    expect(decode([encodeBatch({ records })]).records).toHaveLength(140_000);
  });

  test('reads a record with 200,000 headers in linear time', () => {
    const headers = Array.from({ length: 200_000 }, (_, i): [string, null] => [`retry-${i}`, null]);
    const [record] = decode([encodeBatch({ records: [{ offsetDelta: 0, headers }] })]).records;
    expect(record!.headers).toEqual(headers);
    const names = headers.reduce((sum, [name]) => sum + name.length, 0);
    expect(record!.headerBytes).toBeGreaterThan(names + 2 * headers.length);
  });

  test('is the last decoded batch when enough bytes are decoded', () => {
    const batches = [0, 1, 2].map((baseOffset) =>
      encodeBatch({ baseOffset, records: [{ offsetDelta: 0, value: Buffer.alloc(60) }] }),
    );
    const limits = { batchBytes: 1_000, enoughBytes: 100 };
    expect(decode(batches, { limits })).toMatchObject({ nextOffset: 2 });
  });
});

describe('transactions', () => {
  const a = 4_000n;
  const b = 5_000n;
  const of = (producerId: bigint, baseOffset: number, value: string) =>
    encodeBatch({ baseOffset, producerId, attributes: TRANSACTIONAL, records: valued(value) });

  test('skip the records of aborted transactions, even if transactions overlap', () => {
    const log = [
      of(a, 0, 'aborted-a'),
      of(b, 1, 'aborted-b'),
      encodeMarker(2, b, 'abort'),
      of(b, 3, 'committed-b'),
      of(a, 4, 'aborted-a'),
      encodeMarker(5, a, 'abort'),
      of(a, 6, 'committed-a'),
      encodeMarker(7, b, 'commit'),
      encodeMarker(8, a, 'commit'),
    ];
    // A broker may list them in the order of their ends.
    const aborted = [
      { producerId: b, firstOffset: 1 },
      { producerId: a, firstOffset: 0 },
    ];
    const decoded = decode(log, { aborted });
    expect(valuesOf(decoded)).toEqual(['committed-b', 'committed-a']);
    expect(decoded.nextOffset).toBe(9);
  });

  test('do not affect a record outside of them, even if its producer has aborted one', () => {
    const plain = encodeBatch({ baseOffset: 1, producerId: a, records: valued('idempotent') });
    const log = [of(a, 0, 'aborted'), plain, encodeMarker(2, a, 'abort')];
    expect(valuesOf(decode(log, { aborted: [{ producerId: a, firstOffset: 0 }] }))).toEqual([
      'idempotent',
    ]);
  });

  test('do not mistake a record for a marker because of its key', () => {
    const like = encodeBatch({
      producerId: a,
      attributes: TRANSACTIONAL,
      records: [0, 1].map((offsetDelta) => ({ offsetDelta, key: Buffer.alloc(4) })),
    });
    const log = [like, of(a, 2, 'aborted'), encodeMarker(3, a, 'abort')];
    expect(decode(log, { aborted: [{ producerId: a, firstOffset: 0 }] }).records).toEqual([]);
  });

  test('are recognized by their first offset if they began before the fetched offset', () => {
    const log = [of(a, 10, 'aborted'), encodeMarker(11, a, 'abort'), of(a, 12, 'next')];
    const aborted = [{ producerId: a, firstOffset: 3 }];
    expect(valuesOf(decode(log, { fetchOffset: 10, aborted }))).toEqual(['next']);
  });

  test('end at their own markers if one fetch has two of the same producer', () => {
    const log = [
      of(a, 0, 'aborted'),
      encodeMarker(1, a, 'abort'),
      of(a, 2, 'committed'),
      encodeMarker(3, a, 'commit'),
      of(a, 4, 'aborted'),
      encodeMarker(5, a, 'abort'),
    ];
    const aborted = [
      { producerId: a, firstOffset: 0 },
      { producerId: a, firstOffset: 4 },
    ];
    expect(valuesOf(decode(log, { aborted }))).toEqual(['committed']);
  });

  test('are not affected by control records of other types, which only advance the offset', () => {
    const marker = encodeBatch({
      attributes: CONTROL,
      records: [{ offsetDelta: 0, key: Buffer.from([0, 0, 0, 2]), value: Buffer.alloc(12) }],
    });
    expect(decode([marker])).toEqual({ records: [], nextOffset: 1, epochs: since(0) });
  });
});

describe('messages of formats v0 and v1', () => {
  const stamp = 1_600_000_000_000n;

  test('keep their offsets, and those of v0 have no timestamp', () => {
    const log = [
      encodeMessage(3, 0, { key: Buffer.from('k'), value: Buffer.from('v0') }),
      encodeMessage(4, 1, { value: Buffer.from('v1'), timestamp: stamp }),
      encodeBatch({ baseOffset: 5, records: valued('v2') }),
    ];
    const { records, nextOffset } = decode(log);
    expect(nextOffset).toBe(6);
    expect(records).toMatchObject([
      { offset: 3, timestamp: -1, key: Buffer.from('k'), value: Buffer.from('v0'), headers: [] },
      { offset: 4, timestamp: Number(stamp), key: null, value: Buffer.from('v1') },
      { offset: 5, value: Buffer.from('v2') },
    ]);
  });

  test('have relative offsets within a compressed v1 message', () => {
    const inner = ['a', 'b', 'c'].map((value, i) =>
      encodeMessage(i, 1, { value: Buffer.from(value), timestamp: stamp + BigInt(i) }),
    );
    const value = gzipSync(Buffer.concat(inner));
    const outer = encodeMessage(12, 1, { attributes: GZIP, value, timestamp: stamp });
    expect(decode([outer], { fetchOffset: 11 })).toMatchObject({
      nextOffset: 13,
      records: [
        { offset: 11, timestamp: Number(stamp) + 1 },
        { offset: 12, timestamp: Number(stamp) + 2 },
      ],
    });
    const appended = encodeMessage(12, 1, { attributes: GZIP | 8, value, timestamp: 5n });
    expect(decode([appended]).records.map(({ timestamp }) => timestamp)).toEqual([5, 5, 5]);
  });

  test('have absolute offsets within a compressed v0 message', () => {
    const inner = [7, 9].map((offset) => encodeMessage(offset, 0, { value: Buffer.from('x') }));
    const value = gzipSync(Buffer.concat(inner));
    const outer = encodeMessage(9, 0, { attributes: GZIP, value });
    expect(decode([outer])).toMatchObject({
      nextOffset: 10,
      records: [{ offset: 7 }, { offset: 9 }],
    });
  });
});

describe('an unreadable batch', () => {
  const good = encodeBatch({ baseOffset: 0, records: valued('a', 'b') });
  const behind = encodeBatch({ baseOffset: 9, records: valued('z') });
  const wrong: [what: string, bytes: Buffer, cause: RegExp][] = [
    [
      'a wrong checksum',
      flipped(encodeBatch({ baseOffset: 2, records: valued('c', 'd') }), 65),
      /checksum/,
    ],
    ['a format that nobody knows', withByte(good, 16, 9), /format 9/],
    [
      'a compression that nobody knows',
      bad({ attributes: 5, records: valued('c') }),
      /compression type 5/,
    ],
    ['a wrong compression', bad({ attributes: GZIP, records: valued('c') }), /header/],
    ['fewer records than it says', bad({ records: valued('c'), count: 2 }), /bytes/],
    ['more records than it says', bad({ records: valued('c', 'd'), count: 1 }), /follow the last/],
    ['a negative number of records', bad({ records: [], count: -1 }), /-1 records/],
    [
      'a number of records beyond memory',
      bad({ records: valued('c'), count: 2 ** 31 - 1 }),
      /hold/,
    ],
    [
      'offsets that do not rise',
      bad({ records: [...valued('c'), ...valued('d')], lastOffsetDelta: 1 }),
      /not above the previous/,
    ],
    [
      'an offset beyond its end',
      bad({ records: valued('c', 'd'), lastOffsetDelta: 0 }),
      /outside 2 to 2/,
    ],
    [
      'a record longer than the batch',
      bad({ records: [], count: 1, packed: () => Buffer.from([0x7e, 0, 0, 0, 0, 0, 0]) }),
      /length of 63/,
    ],
    [
      'a number that does not end',
      bad({ records: [], count: 1, packed: () => Buffer.alloc(12, 0xff) }),
      /5 bytes/,
    ],
    [
      'a header without a name',
      bad({ records: [], count: 1, packed: () => record([0, 0, 0, 1, 1, 2, 1, 1]) }),
      /no name/,
    ],
  ];

  function bad(batch: Parameters<typeof encodeBatch>[0]): Buffer {
    return encodeBatch({ baseOffset: 2, ...batch });
  }
  function record(bytes: number[]): Buffer {
    return Buffer.concat([varint(BigInt(bytes.length)), Buffer.from(bytes)]);
  }
  function withByte(bytes: Buffer, at: number, value: number): Buffer {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    copy.writeBigInt64BE(2n);
    return copy;
  }
  function flipped(bytes: Buffer, at: number): Buffer {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 1;
    return copy;
  }

  test.each(wrong)('ends the decoding before it, and is named: %s', (_, batch, cause) => {
    const decoded = decode([good, batch, behind]);
    expect(valuesOf(decoded)).toEqual(['a', 'b']);
    expect(decoded.nextOffset).toBe(2);
    expect(decoded.unreadable).toEqual({
      offset: 2,
      nextOffset: 9,
      cause: expect.stringMatching(cause) as string,
      bytes: batch,
    });
  });

  test('is named without being unpacked if it unpacks to more than the limit', () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const batch = encodeBatch({ attributes: GZIP, records: valued('x'), packed: () => bomb });
    const limits = { batchBytes: 1_000_000, enoughBytes: 1_000_000 };
    expect(decode([batch], { limits }).unreadable).toMatchObject({ offset: 0, nextOffset: 1 });
  });

  test('ends where the next batch begins, as its own header may be wrong', () => {
    const batch = encodeBatch({ baseOffset: 2, records: valued('c') });
    batch.writeInt32BE(500_000, 23);
    expect(decode([batch, behind]).unreadable).toMatchObject({ nextOffset: 9 });
    expect(decode([batch]).unreadable).toMatchObject({ nextOffset: 500_003 });
    batch.writeInt32BE(2_000_000_000, 23);
    expect(decode([batch]).unreadable).toMatchObject({ nextOffset: 1_000_000 });
    batch.writeInt32BE(-7, 23);
    expect(decode([batch]).unreadable).toMatchObject({ nextOffset: 3 });
  });

  test('is named if its first offset lies beyond the log, as the records before that offset would be lost', () => {
    const batch = encodeBatch({ baseOffset: 9, records: valued('x') });
    const decoded = decode([good, batch], { highWatermark: 8 });
    expect(decoded.nextOffset).toBe(2);
    expect(decoded.unreadable).toMatchObject({
      offset: 9,
      cause: 'it begins at offset 9, beyond the end of the log at 8',
    });
    const negative = encodeBatch({ baseOffset: -3, records: valued('x') });
    expect(decode([negative]).unreadable).toMatchObject({
      cause: 'it begins at offset -3, which is negative',
    });
  });

  test('is not one that was written while the broker answered', () => {
    const next = encodeBatch({ baseOffset: 2, records: valued('c', 'd') });
    const last = encodeBatch({ baseOffset: 4, records: valued('e') });
    expect(valuesOf(decode([next, last], { fetchOffset: 2, highWatermark: 2 }))).toEqual([
      'c',
      'd',
      'e',
    ]);
    const gone = encodeBatch({ baseOffset: 7, records: valued('f') });
    // Compaction has removed the records in between.
    expect(valuesOf(decode([gone], { fetchOffset: 2, highWatermark: 7 }))).toEqual(['f']);
  });

  test('is one record for readers of the log', () => {
    const batch = flipped(encodeBatch({ baseOffset: 2, records: valued('c', 'd') }), 65);
    const { unreadable } = decode([batch]);
    expect(recordOfUnreadable('topic', 3, unreadable!)).toMatchObject({
      ...{ topic: 'topic', partition: 3, offset: 2, timestamp: -1, key: null, value: batch },
      unreadable: expect.stringMatching(/checksum/) as string,
    });
  });
});

describe('any log', () => {
  const record = fc.record({
    gap: fc.integer({ min: 1, max: 3 }),
    timestampDelta: fc.bigInt({ min: -(1n << 40n), max: 1n << 40n }),
    key: fc.option(fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes))),
    value: fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))),
    headers: fc.array(
      fc.tuple(
        fc.string({ unit: 'grapheme', maxLength: 5 }),
        fc.option(fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes))),
      ),
      { maxLength: 4 },
    ),
  });
  const batch = fc.record({
    records: fc.array(record, { maxLength: 6 }),
    gzip: fc.boolean(),
    tail: fc.integer({ min: 0, max: 3 }),
    gap: fc.integer({ min: 0, max: 3 }),
  });

  /** Batches with gaps between and within them, and their records. */
  function written(batches: (typeof batch extends fc.Arbitrary<infer T> ? T : never)[]) {
    let base = 0;
    const held: Omit<KafkaRecord, 'topic' | 'partition'>[] = [];
    const parts = batches.map(({ records, gzip, tail, gap }) => {
      base += gap;
      let delta = -1;
      const encoded = records.map(({ gap: step, ...rest }) => ({
        offsetDelta: (delta += step),
        ...rest,
      }));
      for (const { offsetDelta, timestampDelta, key, value, headers } of encoded) {
        const timestamp = 1_700_000_000_000 + Number(timestampDelta);
        held.push({ offset: base + offsetDelta, timestamp, key, value, headers });
      }
      const lastOffsetDelta = Math.max(delta, 0) + tail;
      const bytes = encodeBatch({
        baseOffset: base,
        records: encoded,
        lastOffsetDelta,
        ...(gzip && { attributes: GZIP, packed: (raw: Buffer) => gzipSync(raw) }),
      });
      base += lastOffsetDelta + 1;
      return bytes;
    });
    return { parts, held, end: base };
  }

  test('gives the written records, from any offset on', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 6 }), fc.nat(40), (batches, fetchOffset) => {
        const { parts, held, end } = written(batches);
        const { records, nextOffset, unreadable } = decode(parts, { fetchOffset });
        expect(unreadable).toBeUndefined();
        expect(nextOffset).toBe(Math.max(end, fetchOffset));
        expect(records.map((one) => ({ ...one, headers: one.headers }))).toEqual(
          held
            .filter(({ offset }) => offset >= fetchOffset)
            .map((one) => ({ topic: 'topic', partition: 3, ...one })),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('with flipped bytes gives no wrong record, no error and no offset that goes back', () => {
    fc.assert(
      fc.property(
        fc.array(batch, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (batches, where, bits) => {
          const { parts, held } = written(batches);
          const bytes = Buffer.concat(parts);
          bytes[where % bytes.length]! ^= bits;
          const { records, nextOffset } = decode([bytes]);
          expect(nextOffset).toBeGreaterThanOrEqual(0);
          for (const one of records) {
            // The checksum does not cover the base offset: a broker writes it, and TCP protects it.
            const same = held.find(
              ({ value, timestamp }) => one.timestamp === timestamp && equal(one.value, value),
            );
            expect(same).toBeDefined();
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function equal(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
