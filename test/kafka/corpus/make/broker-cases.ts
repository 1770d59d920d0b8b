import { Random } from '../../../torture/random';
import {
  compressible,
  incompressible,
  KINDS,
  MANY_HEADERS,
  versions,
  FOR_KAFKA_PYTHON,
} from './drafts';
import { Script, type Producer } from './script';
import { base64, CODECS, draft, WRITERS, type Codec, type Draft, type WriterName } from './step';

export interface Capture {
  /** Appended to the name of the case. */
  suffix?: string;
  /** The offset to fetch from. Default: the start of the log. */
  offset?: number;
  isolation?: 'read_committed' | 'read_uncommitted';
  /** Limits the fetch to this many whole batches and this many bytes of the next batch. */
  cut?: { batches: number; bytes: number };
}

/** Describes what is written to a topic of a real broker, and how the topic is fetched. */
export interface BrokerCase {
  about: string;
  script: Script;
  config?: Record<string, string>;
  /** Calls DeleteRecords, so that the log starts at this offset. */
  deleteBefore?: number;
  /** Waits for a second run of the cleaner, which removes the tombstones and markers that the first run dated. */
  cleanedTwice?: boolean;
  /** Default: one capture of the whole log. Each capture fetches to the end of the log, unless it is cut. */
  captures?: Capture[];
}

const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' };
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '1500',
  'min.cleanable.dirty.ratio': '0.001',
};

export function brokerCases(): BrokerCase[] {
  return [
    ...WRITERS.flatMap(clientCases),
    ...largeCases(),
    ...transactionCases(),
    ...fetchCases(),
    ...timestampCases(),
    ...compactionCases(),
  ];
}

function scripted(
  topic: string,
  about: string,
  write: (script: Script) => void,
  more: Omit<BrokerCase, 'about' | 'script'> = {},
): BrokerCase {
  const script = new Script(topic);
  write(script);
  return { about, script, ...more };
}

const text = (value: string, count = 2): Draft[] =>
  Array.from({ length: count }, (_, index) => draft(`${value}-${index}`, value));

function clientCases(writer: WriterName): BrokerCase[] {
  const kinds = writer === 'kafka-python' ? FOR_KAFKA_PYTHON : KINDS;
  const each = CODECS.flatMap((codec) => [
    scripted(`${writer}-${codec}`, `each kind of record, by ${writer}, ${codec}`, (script) => {
      script.open(writer, codec).send(...kinds);
    }),
    scripted(`${writer}-${codec}-idempotent`, 'three batches with sequence numbers', (script) => {
      const producer = script.open(writer, codec, 'idempotent');
      for (const batch of ['one', 'two', 'three']) producer.send(...text(batch, 3));
    }),
    scripted(`${writer}-${codec}-transactions`, 'committed, aborted, committed', (script) => {
      const producer = script.open(writer, codec, 'transactional');
      producer.committed(text('committed'));
      producer.aborted(text('aborted'), text('aborted too'));
      producer.committed(text('committed again'), text('and again'));
    }),
    ...(codec === 'none'
      ? []
      : [
          scripted(
            `${writer}-${codec}-large`,
            'a value of 200 KB that compresses well',
            (script) => {
              script
                .open(writer, codec)
                .send(draft('large', compressible(200_000)), draft('small', 'behind it'));
            },
          ),
        ]),
  ]);
  return [
    ...each,
    scripted(`${writer}-many-headers`, '500 headers, each name twice', (script) => {
      script.open(writer, 'none').send(MANY_HEADERS, draft('behind', 'it'));
    }),
  ];
}

function largeCases(): BrokerCase[] {
  const levels: [Codec, number][] = [
    ['gzip', 1],
    ['gzip', 9],
    ['lz4', 1],
    ['lz4', 17],
    ['zstd', -7],
    ['zstd', 1],
    ['zstd', 19],
    ['zstd', 22],
  ];
  return [
    ...levels.map(([codec, level]) =>
      scripted(`java-${codec}-level-${level}`, `compressed at level ${level}`, (script) => {
        script
          .open('java', codec, 'plain', { level })
          .send(draft('large', compressible(300_000)), draft('small', 'behind it'));
      }),
    ),
    ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).map((codec) =>
      scripted(`java-${codec}-incompressible`, 'a value that does not get smaller', (script) => {
        script
          .open('java', codec)
          .send(
            { key: base64('noise'), value: base64(incompressible(70_000)) },
            draft('b', 'behind'),
          );
      }),
    ),
    ...(['franz-go', 'librdkafka'] as const).map((writer) =>
      scripted(`${writer}-zstd-many-records`, '20,000 records in one batch', (script) => {
        script.open(writer, 'zstd').send({ ...draft('k', 'v'), timestamp: '1', times: 20_000 });
      }),
    ),
    scripted('java-zstd-wide', '140,000 records in one batch', (script) => {
      const tiny = { ...draft(null, ''), timestamp: '1', times: 140_000 };
      script.open('java', 'zstd', 'plain', { level: 19 }).send(tiny);
    }),
    scripted(
      'broker-recompressed',
      'written without a codec, compressed by the broker',
      (script) => {
        for (const writer of WRITERS)
          script.open(writer, 'none').send(...FOR_KAFKA_PYTHON.slice(0, 6));
      },
      { config: { 'compression.type': 'gzip' } },
    ),
    scripted('all-clients-and-codecs', 'a batch of each client in each codec', (script) => {
      for (const writer of WRITERS) {
        for (const codec of CODECS) script.open(writer, codec).send(...text(`${writer} ${codec}`));
      }
    }),
  ];
}

function transactionCases(): BrokerCase[] {
  const transactional = (script: Script, writer: WriterName = 'java', codec: Codec = 'none') =>
    script.open(writer, codec, 'transactional');
  return [
    scripted('transactions-interleaved', 'three producers at once; some abort', (script) => {
      const [a, b, c] = [transactional(script), transactional(script), transactional(script)];
      const plain = script.open('java', 'none');
      a.begin();
      a.send(...text('a1 aborted'));
      b.begin();
      b.send(...text('b1 committed'));
      plain.send(...text('plain'));
      a.send(...text('a2 aborted'));
      c.committed(text('c1 committed'));
      a.abort();
      plain.send(...text('plain'));
      b.send(...text('b2 committed'));
      b.commit();
      a.begin();
      a.send(...text('a3 committed'));
      c.aborted(text('c2 aborted'));
      a.commit();
    }),
    scripted(
      'transactions-interleaved-clients',
      'interleaved transactions of five clients, each codec; the first and the last abort',
      (script) => {
        const all = WRITERS.map((writer, index) => transactional(script, writer, CODECS[index]));
        for (const producer of all) producer.begin();
        for (const batch of ['first', 'second']) {
          all.forEach((producer, index) => producer.send(...text(`${WRITERS[index]} ${batch}`)));
        }
        all.forEach((producer, index) => (index % 4 ? producer.commit() : producer.abort()));
        for (const producer of all) producer.committed(text('committed at last'));
      },
    ),
    scripted(
      'transactions-abort-several-batches',
      'an aborted transaction of five batches',
      (script) => {
        const producer = transactional(script);
        producer.aborted(...['1', '2', '3', '4', '5'].map((batch) => text(batch)));
        producer.committed(text('committed'));
      },
    ),
    scripted('transactions-abort-then-commit', 'one producer, by turns', (script) => {
      const producer = transactional(script);
      for (const turn of ['1', '2', '3', '4']) {
        producer.aborted(text(`aborted ${turn}`));
        producer.committed(text(`committed ${turn}`));
      }
    }),
    scripted('transactions-empty', 'transactions without records between others', (script) => {
      const producer = transactional(script);
      producer.committed();
      producer.committed(text('committed'));
      producer.aborted();
      producer.committed();
      producer.aborted(text('aborted'));
      producer.aborted();
    }),
    scripted(
      'transactions-fenced',
      'two that were left open, aborted by their successor',
      (script) => {
        const first = script.open('java', 'none', 'transactional', { transactionalId: 'fenced' });
        first.begin();
        first.send(...text('left open'));
        const second = script.open('java', 'none', 'transactional', { transactionalId: 'fenced' });
        second.begin();
        second.send(...text('left open too'));
        script
          .open('librdkafka', 'none', 'transactional', { transactionalId: 'fenced' })
          .committed(text('committed'));
      },
    ),
    scripted(
      'transactions-plain-between',
      'records of no transaction inside aborted ones, by the same client',
      (script) => {
        const [one, plain, sure] = [
          transactional(script, 'franz-go'),
          script.open('franz-go', 'none'),
          script.open('franz-go', 'none', 'idempotent'),
        ];
        one.begin();
        one.send(...text('aborted'));
        plain.send(...text('plain'));
        sure.send(...text('idempotent'));
        one.send(...text('aborted'));
        one.abort();
        plain.send(...text('plain'));
      },
    ),
    scripted(
      'transactions-open',
      'the last transaction is open; plain records are behind its first one',
      (script) => {
        const [a, b] = [transactional(script), transactional(script)];
        a.committed(text('committed'));
        b.aborted(text('aborted'));
        a.begin();
        a.send(...text('open'));
        script.open('java', 'none').send(...text('plain, behind the open one'));
        b.committed(text('committed, behind the open one'));
      },
      { captures: [{}, { suffix: 'uncommitted', isolation: 'read_uncommitted' }] },
    ),
    scripted(
      'transactions-fetched-from-inside',
      'a fetch that begins inside an aborted transaction, at a marker, behind one',
      (script) => {
        const [a, b] = [transactional(script), transactional(script)];
        b.begin();
        b.send(...text('b committed', 3));
        a.aborted(text('aborted', 3), text('aborted too', 3));
        b.commit();
        a.committed(text('committed'));
      },
      {
        captures: [
          { offset: 1, suffix: 'committed' },
          { offset: 4, suffix: 'aborted' },
          { offset: 7, suffix: 'second-batch' },
          { offset: 9, suffix: 'abort-marker' },
          { offset: 10, suffix: 'commit-marker' },
          { offset: 13, suffix: 'last-marker' },
          { offset: 14, suffix: 'end' },
        ],
      },
    ),
    ...[1, 2, 3].map((seed) =>
      scripted(`transactions-random-${seed}`, 'four producers at random', (script) => {
        const random = new Random(seed);
        const writers: WriterName[] = ['java', 'librdkafka', 'franz-go', 'sarama'];
        const all = writers.map((writer) => transactional(script, writer, random.pick(CODECS)));
        const plain = script.open('kafka-python', 'none');
        const open = new Set<Producer>();
        for (let n = 0; n < 80; n++) {
          const producer = random.pick([...all, plain]);
          if (producer === plain) plain.send(...text(`plain ${n}`, 1));
          else if (!open.has(producer)) {
            producer.begin();
            producer.send(...text(`step ${n}`, 1));
            open.add(producer);
          } else if (random.chance(0.5)) producer.send(...text(`step ${n}`, 2));
          else {
            if (random.chance(0.5)) producer.abort();
            else producer.commit();
            open.delete(producer);
          }
        }
        for (const producer of open) producer.abort();
      }),
    ),
  ];
}

function fetchCases(): BrokerCase[] {
  const fourBatches = (script: Script) => {
    const producer = script.open('java', 'lz4');
    for (const batch of ['one', 'two', 'three', 'four']) producer.send(...text(batch, 4));
  };
  return [
    scripted(
      'fetched-from-the-middle',
      'a fetch that begins inside a batch, and at the end',
      fourBatches,
      {
        captures: [
          { offset: 2, suffix: 'first-batch' },
          { offset: 7, suffix: 'last-of-a-batch' },
          { offset: 8, suffix: 'first-of-a-batch' },
          { offset: 15, suffix: 'last' },
          { offset: 16, suffix: 'end' },
        ],
      },
    ),
    scripted('deleted-records', 'DeleteRecords to the middle of a batch', fourBatches, {
      deleteBefore: 6,
    }),
    scripted(
      'deleted-records-of-a-transaction',
      'DeleteRecords to the middle of an aborted transaction',
      (script) => {
        const producer = script.open('java', 'none', 'transactional');
        producer.committed(text('committed'));
        producer.aborted(text('aborted', 3), text('aborted too', 3));
        producer.committed(text('committed'));
      },
      { deleteBefore: 5 },
    ),
    scripted(
      'only-a-marker',
      'DeleteRecords to the marker of a transaction',
      (script) => script.open('java', 'none', 'transactional').committed(text('committed')),
      { deleteBefore: 2 },
    ),
    scripted('cut', 'a fetch that maxBytes ends in the middle of a batch', fourBatches, {
      captures: [
        ...[1, 8, 12, 16, 17, 30, 60, 61, 70].map((bytes) => ({
          suffix: `${bytes}-bytes`,
          cut: { batches: 2, bytes },
        })),
        { suffix: 'first-batch-larger', cut: { batches: 0, bytes: 40 } },
        { suffix: 'none', cut: { batches: 3, bytes: 0 } },
      ],
    }),
  ];
}

function timestampCases(): BrokerCase[] {
  const times = [
    '0',
    '1',
    '1795914000000',
    '1795914000000000',
    '1795914000000000123',
    '253402300800000',
  ];
  const far = ['9223372036854775807', '1', '9007199254740993', '2'];
  const before = ['-1', '-5', '-62135596800000', '0', '5'];
  const timed = (values: string[]) =>
    values.map((timestamp) => ({ ...draft(timestamp, 'v'), timestamp }));
  return [
    ...CODECS.map((codec) =>
      scripted(
        `log-append-time-${codec}`,
        'the broker sets the timestamps',
        (script) => {
          script.open('java', codec).send(...text('java', 3));
          script.open('librdkafka', codec).send(...text('librdkafka', 3));
          script.open('java', codec, 'transactional').aborted(text('aborted'));
        },
        { config: { 'message.timestamp.type': 'LogAppendTime' } },
      ),
    ),
    ...(['java', 'kafka-python', 'franz-go'] as const).map((writer) =>
      scripted(
        `timestamps-${writer}`,
        'seconds, micro- and nanoseconds, year 10000, back and forth',
        (script) => {
          script.open(writer, 'none').send(...timed(times));
          script.open(writer, 'zstd').send(...timed([...times].reverse()));
        },
        { config: ANY_TIMESTAMP },
      ),
    ),
    scripted(
      'timestamps-far',
      'the last one there is, and one that no double holds',
      (script) => script.open('java', 'none').send(...timed(far)),
      { config: ANY_TIMESTAMP },
    ),
    scripted(
      'timestamps-negative',
      'before 1970',
      (script) => script.open('franz-go', 'none').send(...timed(before)),
      { config: ANY_TIMESTAMP },
    ),
  ];
}

function compactionCases(): BrokerCase[] {
  /** Fills the active segment, which the cleaner does not clean. */
  const filler = (script: Script) => {
    script.newRound();
    script.open('java', 'none').send(draft('filler', 'in the active segment'));
  };
  return [
    ...CODECS.map((codec) =>
      scripted(
        `compacted-${codec}`,
        'holes inside batches, tombstones; heads and ends of batches are gone',
        (script) => {
          const producer = script.open('librdkafka', codec);
          producer.send(...versions(10, 'old'));
          producer.send(...versions(10, 'old', 10));
          producer.send(...versions(4, 'new', 3), draft('k8', null));
          script.newRound();
          script
            .open('java', codec)
            .send(...versions(3, 'newer', 0), ...versions(4, 'newer', 16), draft('k10', null));
          filler(script);
        },
        { config: COMPACTED },
      ),
    ),
    scripted(
      'compacted-log-append-time',
      'holes in batches with one timestamp for all',
      (script) => {
        const producer = script.open('java', 'gzip');
        producer.send(...versions(6, 'old'));
        producer.send(...versions(3, 'new', 2), draft('k5', null));
        filler(script);
      },
      { config: { ...COMPACTED, 'message.timestamp.type': 'LogAppendTime' } },
    ),
    scripted(
      'compacted-empty-batches',
      'the last batches of producers that have gone: kept without records',
      (script) => {
        for (const version of ['first', 'second', 'third']) {
          script.open('librdkafka', 'none', 'idempotent').send(...versions(3, version));
          script.open('java', 'zstd', 'idempotent').send(...versions(2, version, 3));
          script.newRound();
        }
        script.open('sarama', 'none', 'idempotent').send(...versions(5, 'last'));
        filler(script);
      },
      { config: COMPACTED },
    ),
    scripted(
      'compacted-transactions',
      'committed, aborted and overwritten transactions; markers without records',
      (script) => {
        const [a, b] = (['java', 'franz-go'] as const).map((writer) =>
          script.open(writer, 'none', 'transactional'),
        ) as [Producer, Producer];
        a.committed(versions(3, 'a old'));
        b.begin();
        b.send(...versions(3, 'b aborted', 1));
        a.committed(versions(2, 'a new', 1), versions(1, 'a new', 7));
        b.abort();
        script.newRound();
        b.committed(versions(2, 'b', 0));
        a.aborted(versions(4, 'a aborted', 5));
        filler(script);
        a.committed(versions(1, 'a at last', 0));
      },
      { config: COMPACTED },
    ),
    scripted(
      'compacted-tombstones-gone',
      'tombstones and markers are past delete.retention.ms',
      (script) => {
        const producer = script.open('java', 'none', 'transactional');
        script.open('java', 'lz4').send(...versions(5, 'old'));
        producer.committed(versions(3, 'new', 2), [draft('k0', null), draft('k1', null)]);
        producer.aborted(versions(2, 'aborted', 1));
        filler(script);
      },
      { config: { ...COMPACTED, 'delete.retention.ms': '1' }, cleanedTwice: true },
    ),
    scripted(
      'compacted-and-deleted-head',
      'compacted, then DeleteRecords to an offset that compaction has removed',
      (script) => {
        const producer = script.open('java', 'none');
        producer.send(...versions(8, 'old'));
        producer.send(...versions(5, 'new', 2));
        filler(script);
      },
      { config: { ...COMPACTED, 'cleanup.policy': 'compact,delete' }, deleteBefore: 4 },
    ),
  ];
}
