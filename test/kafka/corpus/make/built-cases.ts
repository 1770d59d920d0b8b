import { crc32c } from './crc32c';
import { compressible, KINDS, versions } from './drafts';
import { CODECS, draft, type Codec, type Draft } from './step';

export interface Build {
  magic?: 0 | 1 | 2;
  codec?: Codec;
  baseOffset?: number;
  /** If it is set, the batch has log-append time with this timestamp. */
  appendTime?: number;
  producerId?: number;
  epoch?: number;
  sequence?: number;
  transactional?: boolean;
  control?:
    | 'COMMIT'
    | 'ABORT'
    | 'LEADER_CHANGE'
    | 'SNAPSHOT_HEADER'
    | 'SNAPSHOT_FOOTER'
    | 'KRAFT_VERSION'
    | 'KRAFT_VOTERS';
  /** The timestamp of a control record, or of an empty batch. */
  timestamp?: number;
  deleteHorizon?: number;
  lastOffset?: number;
  /** The batch has a header and no records. */
  empty?: boolean;
  records?: (Draft & { offset?: number })[];
}

/** Batches that Kafka's own classes write one after the other, without a broker. */
export interface BuiltCase {
  name: string;
  about: string;
  batches: Build[];
  offset?: number;
  aborted?: { producerId: string; firstOffset: string }[];
  /** Changes the bytes afterwards. */
  spoil?: (bytes: Buffer) => Buffer;
}

/** The index of the spoiled batch in a case that Kafka refuses. */
export const REFUSED = 1;

const TIME = 1_750_000_000_000;

export function builtCases(): BuiltCase[] {
  return [...olderFormats(), ...rareBatches(), ...wrongBytes()];
}

const timed = (records: Draft[], time = TIME): Draft[] =>
  records.map((record, index) => ({ timestamp: `${time + index}`, ...record }));

/** Records without headers and timestamps: older formats have no headers, and v0 has no timestamps. */
const untimed = (): Draft[] =>
  KINDS.map(({ key, value }) => ({ key: key ?? null, value: value ?? null }));
const withoutHeaders = (): Draft[] => timed(untimed());

function olderFormats(): BuiltCase[] {
  const v0 = (codec: Codec, baseOffset: number, records = untimed()): Build => ({
    ...{ magic: 0, codec, baseOffset, records },
  });
  const v1 = (codec: Codec, baseOffset: number, records = withoutHeaders()): Build => ({
    ...{ magic: 1, codec, baseOffset, records },
  });
  const holes = (timestamps: boolean) =>
    [3, 4, 7, 9].map((offset) => ({
      ...draft(`k${offset}`, 'kept'),
      offset,
      ...(timestamps && { timestamp: `${TIME + offset}` }),
    }));
  // Formats v0 and v1 have no zstd.
  const codecs = CODECS.filter((codec) => codec !== 'zstd');
  return [
    ...codecs.flatMap((codec): BuiltCase[] => [
      {
        name: `v0-${codec}`,
        about: 'message format v0: no timestamps; offsets inside a wrapper are absolute',
        batches: [v0(codec, 100), v0(codec, 117)],
      },
      {
        name: `v1-${codec}`,
        about: 'message format v1: offsets inside a wrapper are relative',
        batches: [v1(codec, 100), v1(codec, 117)],
      },
      {
        name: `v1-${codec}-log-append-time`,
        about: 'the broker has set the timestamps: the one of the wrapper counts',
        batches: [{ ...v1(codec, 0), appendTime: TIME + 99 }],
      },
      {
        name: `v1-${codec}-compacted`,
        about: 'holes between the messages',
        batches: [{ magic: 1, codec, baseOffset: 3, records: holes(true) }],
      },
      {
        name: `v0-${codec}-compacted`,
        about: 'holes between the messages',
        batches: [{ magic: 0, codec, baseOffset: 3, records: holes(false) }],
      },
      {
        name: `v1-${codec}-from-the-middle`,
        about: 'the fetch begins at a message inside a wrapper',
        batches: [v1(codec, 100), v1(codec, 117)],
        offset: 105,
      },
      {
        name: `v0-${codec}-cut`,
        about: 'the fetch ends in the middle of a message',
        batches: [v0(codec, 0), v0(codec, 17)],
        spoil: (bytes) => bytes.subarray(0, bytes.length - 5),
      },
    ]),
    ...(['gzip', 'snappy', 'lz4'] as const).flatMap((codec): BuiltCase[] =>
      ([0, 1] as const).map((magic) => ({
        name: `v${magic}-${codec}-large`,
        about: 'a value of 200 KB that compresses well',
        batches: [
          { magic, codec, records: [draft('large', compressible(200_000)), draft('b', 'c')] },
        ],
      })),
    ),
    {
      name: 'formats-mixed',
      about: 'a log that was written by brokers of three ages',
      batches: [
        v0('gzip', 0),
        v0('none', 17, untimed().slice(0, 2)),
        v1('lz4', 19),
        v1('none', 36, withoutHeaders().slice(0, 2)),
        { codec: 'zstd', baseOffset: 38, records: timed(KINDS) },
      ],
    },
  ];
}

function rareBatches(): BuiltCase[] {
  const records = (baseOffset: number, more: Build = {}): Build => ({
    ...{ baseOffset, records: timed(KINDS.slice(0, 3)), ...more },
  });
  const of = (producerId: number): Build => ({
    producerId,
    epoch: 0,
    sequence: 0,
    transactional: true,
  });
  const marker = (producerId: number, baseOffset: number, control: 'COMMIT' | 'ABORT'): Build => ({
    ...{ producerId, epoch: 0, transactional: true, control, baseOffset, timestamp: TIME },
  });
  const kinds = [
    'LEADER_CHANGE',
    'SNAPSHOT_HEADER',
    'SNAPSHOT_FOOTER',
    'KRAFT_VERSION',
    'KRAFT_VOTERS',
  ] as const;
  return [
    { name: 'nothing', about: 'a fetch at the end of the log', batches: [], offset: 42 },
    {
      name: 'control-records-of-kraft',
      about: 'control records that are no end of a transaction',
      batches: kinds.flatMap((control, index) => [
        { control, baseOffset: index * 4, timestamp: TIME },
        records(index * 4 + 1),
      ]),
    },
    ...CODECS.map((codec): BuiltCase => ({
      name: `delete-horizon-${codec}`,
      about:
        'the base timestamp says when tombstones may go; the deltas start from it all the same',
      batches: [
        records(10, { codec, deleteHorizon: TIME + 86_400_000 }),
        records(13, { codec, deleteHorizon: TIME + 86_400_000, appendTime: TIME + 5 }),
      ],
    })),
    {
      name: 'empty-batches',
      about: 'batches without records first, between others and last',
      batches: [
        { empty: true, baseOffset: 0, lastOffset: 4, timestamp: TIME },
        records(5),
        { empty: true, baseOffset: 8, lastOffset: 17, ...of(7), timestamp: TIME },
        { empty: true, baseOffset: 18, lastOffset: 18, timestamp: TIME, control: 'ABORT' },
        records(19, { lastOffset: 29 }),
        { empty: true, baseOffset: 30, lastOffset: 49, timestamp: TIME, appendTime: TIME },
      ],
    },
    {
      name: 'empty-batch-alone',
      about: 'nothing but a batch without records, fetched from inside it',
      batches: [{ empty: true, baseOffset: 3, lastOffset: 9, timestamp: TIME }],
      offset: 5,
    },
    {
      name: 'empty-aborted-batch',
      about: 'the first batch of an aborted transaction is without records, the second is not',
      batches: [
        { empty: true, baseOffset: 0, lastOffset: 2, ...of(7), timestamp: TIME },
        records(3, { ...of(7), sequence: 3 }),
        marker(7, 6, 'ABORT'),
        records(7, of(7)),
        marker(7, 10, 'COMMIT'),
      ],
      aborted: [{ producerId: '7', firstOffset: '0' }],
    },
    {
      name: 'abort-marker-gone',
      about:
        'compaction has removed the first marker: the producer’s next transaction is aborted too',
      batches: [records(0, of(7)), records(3, of(7)), marker(7, 6, 'ABORT'), records(7, of(7))],
      aborted: [
        { producerId: '7', firstOffset: '3' },
        { producerId: '7', firstOffset: '0' },
      ],
    },
    {
      name: 'commit-marker-inside-an-aborted-transaction',
      about: 'only the marker of an abort ends what is aborted',
      batches: [
        records(0, of(7)),
        marker(7, 3, 'COMMIT'),
        records(4, of(7)),
        marker(7, 7, 'ABORT'),
      ],
      aborted: [{ producerId: '7', firstOffset: '0' }],
    },
    {
      name: 'aborted-first-offset-inside-a-batch',
      about: 'compaction has removed the first records of an aborted batch',
      batches: [
        records(0, of(8)),
        records(3, {
          ...of(7),
          records: [{ ...draft('k', 'aborted'), offset: 5, timestamp: `${TIME}` }],
        }),
        marker(7, 6, 'ABORT'),
        marker(8, 7, 'COMMIT'),
      ],
      aborted: [{ producerId: '7', firstOffset: '4' }],
    },
    {
      name: 'aborted-plain-of-the-producer',
      about: 'an idempotent batch of the producer whose transaction is aborted is no part of it',
      batches: [
        records(0, of(7)),
        records(3, { ...of(7), transactional: false }),
        marker(7, 6, 'ABORT'),
      ],
      aborted: [{ producerId: '7', firstOffset: '0' }],
    },
    {
      name: 'producer-ids-beyond-32-bits',
      about: 'producer ids that differ in their upper half, or that no double holds',
      batches: [
        records(0, of(4_294_967_303)),
        records(3, of(7)),
        records(6, of(8_589_934_599)),
        marker(4_294_967_303, 9, 'ABORT'),
        marker(7, 10, 'COMMIT'),
        marker(8_589_934_599, 11, 'COMMIT'),
      ],
      aborted: [{ producerId: '4294967303', firstOffset: '0' }],
    },
    {
      name: 'offsets-far',
      about: 'offsets beyond 32 bits',
      batches: [records(4_294_967_290), records(4_294_967_293, { lastOffset: 4_294_967_400 })],
    },
    {
      name: 'no-timestamps',
      about: 'records without a timestamp',
      batches: [{ codec: 'none', records: versions(3, 'untimed') }],
    },
  ];
}

function wrongBytes(): BuiltCase[] {
  const good: Build = { baseOffset: 0, records: timed(KINDS.slice(0, 3)) };
  const bad: Build = { ...good, baseOffset: 3 };
  const second = (bytes: Buffer) => 12 + bytes.readInt32BE(8);
  const wrong = (
    name: string,
    about: string,
    change: (batch: Buffer) => void,
    { sealed = true, batch = bad }: { sealed?: boolean; batch?: Build } = {},
  ): BuiltCase => ({
    name: `wrong-${name}`,
    about: `${about}, between two good batches`,
    batches: [good, batch, { ...good, baseOffset: 6 }],
    spoil: (bytes) => {
      const at = second(bytes);
      const spoiled = bytes.subarray(at, at + 12 + bytes.readInt32BE(at + 8));
      change(spoiled);
      if (sealed) spoiled.writeUInt32BE(crc32c(spoiled.subarray(21)), 17);
      return bytes;
    },
  });
  const flip = (at: number) => (batch: Buffer) => void (batch[at]! ^= 0x10);
  return [
    wrong('crc', 'a flipped bit under the checksum', flip(80), { sealed: false }),
    wrong('crc-field', 'a flipped bit of the checksum', flip(18), { sealed: false }),
    wrong('magic', 'a format that does not exist', (batch) => batch.writeInt8(3, 16), {
      sealed: false,
    }),
    wrong('codec', 'a codec that does not exist', (batch) => batch.writeInt16BE(5, 21)),
    wrong('count-too-high', 'fewer records than the header says', (batch) =>
      batch.writeInt32BE(4, 57),
    ),
    wrong('count-too-low', 'more records than the header says', (batch) =>
      batch.writeInt32BE(2, 57),
    ),
    wrong('count-negative', 'a negative count', (batch) => batch.writeInt32BE(-1, 57)),
    wrong('length-of-record', 'a record that says it is longer than its batch', (batch) =>
      batch.writeUInt8(0x7e, 61),
    ),
    wrong('length-of-key', 'a key that says it is longer than its record', (batch) =>
      batch.writeUInt8(0x7e, 65),
    ),
    // A bit that is flipped further on may pass. Kafka's consumer then returns wrong records.
    ...CODECS.filter((codec) => codec !== 'none').map((codec) =>
      wrong(codec, 'compressed bytes that are not of the codec', flip(61), {
        batch: { ...bad, codec },
      }),
    ),
  ];
}
