import fc from 'fast-check';
import { kafkaErrorType, toKafkaHeaders, toKafkaRecord } from '../../src/clients/kafka';
import type { KafkaRecord } from '../../src/domain/record';
import { kafkaRecord, kafkaRecords } from '../domain/support/records';

/** kafkajs's own encoder and decoder of one record: what lies between a producer and a consumer. */
const encodeRecord = jest.requireActual<(record: object) => { buffer: Buffer }>(
  'kafkajs/src/protocol/recordBatch/record/v0',
);
const decodeRecord = jest.requireActual<(decoder: object, batch: object) => never>(
  'kafkajs/src/protocol/recordBatch/record/v0/decoder',
);
const Decoder = jest.requireActual<
  new (buffer: Buffer) => { readVarInt(): number; canReadBytes(n: number): boolean }
>('kafkajs/src/protocol/decoder');

/** The record as a consumer gets it, after it was sent with `toKafkaHeaders`. */
function throughKafka(record: KafkaRecord): KafkaRecord {
  const { key, value, topic, partition } = record;
  const { buffer } = encodeRecord({ key, value, headers: toKafkaHeaders(record.headers) });
  const decoder = new Decoder(buffer);
  expect(decoder.canReadBytes(decoder.readVarInt())).toBe(true);
  const batch = { firstOffset: String(record.offset), firstTimestamp: String(record.timestamp) };
  return toKafkaRecord(topic, partition, decodeRecord(decoder, batch));
}

/** The values of each name in their order; kafkajs keeps no order between names. */
function byName(headers: KafkaRecord['headers']): Map<string, (Buffer | null)[]> {
  const values = new Map<string, (Buffer | null)[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  return values;
}

describe('a record through kafkajs', () => {
  test('keeps position, time, key and value, and every header', () => {
    fc.assert(
      fc.property(kafkaRecords, (record) => {
        // A name that is not well-formed has no UTF-8 form: no broker can hold it.
        fc.pre(record.headers.every(([name]) => name.isWellFormed()));
        const received = throughKafka(record);
        expect({ ...received, headers: [] }).toEqual({ ...record, headers: [] });
        expect(byName(received.headers)).toEqual(byName(record.headers));
      }),
      { numRuns: 300 },
    );
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'a header may be called %s, once or more often',
    (name) => {
      for (const values of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
        const headers = values.map((value): [string, Buffer] => [name, Buffer.from(value)]);
        expect(throughKafka(kafkaRecord({ headers })).headers).toEqual(headers);
      }
    },
  );

  test('a header without a value and one of nothing stay apart', () => {
    const headers: KafkaRecord['headers'] = [
      ['absent', null],
      ['empty', Buffer.alloc(0)],
      ['both', null],
      ['both', Buffer.alloc(0)],
      ['both', null],
    ];
    expect(throughKafka(kafkaRecord({ headers })).headers).toEqual(headers);
  });
});

describe('toKafkaRecord', () => {
  const message = {
    offset: '9007199254740991',
    timestamp: '1700000000123',
    key: null,
    value: null,
  };

  test('takes offsets up to 2^53 - 1', () => {
    expect(toKafkaRecord('t', 3, message as never)).toEqual({
      ...{ topic: 't', partition: 3, offset: 9007199254740991, timestamp: 1700000000123 },
      ...{ key: null, value: null, headers: [] },
    });
  });
});

describe('toKafkaHeaders', () => {
  test('many headers of one name take no longer than many of different names', () => {
    const headers = new Array<[string, Buffer]>(50_000).fill(['h', Buffer.of(1)]);
    expect(toKafkaHeaders(headers).h).toHaveLength(50_000);
  });
});

test('kafkaErrorType knows only errors of kafkajs', () => {
  expect(kafkaErrorType(new Error('no'))).toBeUndefined();
  expect(kafkaErrorType(undefined)).toBeUndefined();
});

test('a coordinator that was not found is looked for again', async () => {
  const { KafkaJSGroupCoordinatorNotFound } =
    jest.requireActual<Record<string, new (message: string) => Error>>('kafkajs');
  const retrier = jest.requireActual<
    (options: object) => (attempt: () => Promise<string>) => Promise<string>
  >('kafkajs/src/retry')({ initialRetryTime: 1 });
  let attempts = 0;
  const found = await retrier(() =>
    ++attempts < 3
      ? Promise.reject(new KafkaJSGroupCoordinatorNotFound!('no broker answers'))
      : Promise.resolve('found'),
  );
  expect([found, attempts]).toEqual(['found', 3]);
});
