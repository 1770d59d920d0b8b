import fc from 'fast-check';
import { kafkaErrorType, toKafkaHeaders } from '../../src/clients/kafka';
import type { KafkaRecord } from '../../src/domain/record';
import { decodeRecordSet } from '../../src/kafka/record-set';
import { kafkaRecord, kafkaRecords } from '../domain/support/records';

/** kafkajs's own encoder of a batch: what lies between a producer and a consumer. */
const { RecordBatch: encodeBatch } = jest.requireActual<{
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
}>('kafkajs/src/protocol/recordBatch/v0');
const Record = jest.requireActual<(record: object) => object>(
  'kafkajs/src/protocol/recordBatch/record/v0',
);

/** The record as a consumer gets it, after it was sent with `toKafkaHeaders`. */
async function throughKafka(record: KafkaRecord): Promise<KafkaRecord> {
  const { key, value, topic, partition, offset, timestamp } = record;
  const { buffer } = await encodeBatch({
    firstTimestamp: timestamp,
    maxTimestamp: timestamp,
    records: [Record({ key, value, headers: toKafkaHeaders(record.headers) })],
  });
  // The broker writes the offset.
  buffer.writeBigInt64BE(BigInt(offset));
  const set = { bytes: buffer, topic, partition, fetchOffset: 0, highWatermark: Infinity };
  const { records, unreadable } = decodeRecordSet({ ...set, abortedTransactions: [] });
  expect(unreadable).toBeUndefined();
  const { headers, exactTimestamp, ...rest } = records[0]!;
  expect(exactTimestamp).toBeUndefined();
  return { ...rest, headers };
}

/** The values of each name in their order; kafkajs keeps no order between names. */
function byName(headers: KafkaRecord['headers']): Map<string, (Buffer | null)[]> {
  const values = new Map<string, (Buffer | null)[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  return values;
}

describe('a record through kafkajs', () => {
  test('keeps position, time, key and value, and every header', async () => {
    await fc.assert(
      fc.asyncProperty(kafkaRecords, async (record) => {
        // A name that is not well-formed has no UTF-8 form: no broker can hold it.
        fc.pre(record.headers.every(([name]) => name.isWellFormed()));
        const received = await throughKafka(record);
        expect({ ...received, headers: [] }).toEqual({ ...record, headers: [] });
        expect(byName(received.headers)).toEqual(byName(record.headers));
      }),
      { numRuns: 300 },
    );
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'a header may be called %s, once or more often',
    async (name) => {
      for (const values of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
        const headers = values.map((value): [string, Buffer] => [name, Buffer.from(value)]);
        expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
      }
    },
  );

  test('a header without a value and one of nothing stay apart', async () => {
    const headers: KafkaRecord['headers'] = [
      ['absent', null],
      ['empty', Buffer.alloc(0)],
      ['both', null],
      ['both', Buffer.alloc(0)],
      ['both', null],
    ];
    expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
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
