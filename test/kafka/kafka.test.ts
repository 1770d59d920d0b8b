import fc from 'fast-check';
import { kafkaErrorType, toKafkaHeaders } from '../../src/kafka/kafka';
import type { KafkaRecord } from '../../src/domain/record/record';
import { decodeRecordSet } from '../../src/kafka/records/record-set';
import { kafkaRecord, kafkaRecords } from '../domain/support/records';

/** kafkajs's own encoder of a batch. */
const { RecordBatch: encodeBatch } = jest.requireActual<{
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
}>('kafkajs/src/protocol/recordBatch/v0');
const Record = jest.requireActual<(record: object) => object>(
  'kafkajs/src/protocol/recordBatch/record/v0',
);

/** Sends the record with `toKafkaHeaders`, and returns it as a consumer gets it. */
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

describe('a record through kafkajs', () => {
  test('keeps position, timestamp, key, value and every header', async () => {
    await fc.assert(
      fc.asyncProperty(kafkaRecords, async (record) => {
        // A name that is not well-formed has no UTF-8 form, so no broker can store it.
        fc.pre(record.headers.every(([name]) => name.isWellFormed()));
        const received = await throughKafka(record);
        expect(received).toEqual(record);
      }),
      { numRuns: 300 },
    );
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'may have one or several headers with the name %s',
    async (name) => {
      for (const values of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
        const headers = values.map((value): [string, Buffer] => [name, Buffer.from(value)]);
        expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
      }
    },
  );

  test('keeps a header without a value apart from a header with an empty value', async () => {
    const headers: KafkaRecord['headers'] = [
      ['absent', null],
      ['empty', Buffer.alloc(0)],
      ['both', null],
      ['both', Buffer.alloc(0)],
      ['both', null],
    ];
    expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
  });

  test('keeps the order of repeated headers', async () => {
    const headers = ['A', 'B', 'A', 'C', 'B'].map((name, i): [string, Buffer] => [
      name,
      Buffer.of(i),
    ]);
    expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
  });

  test.each(['of one name', 'of different names'])('keeps 50,000 headers %s', async (names) => {
    const name = (i: number) => (names === 'of one name' ? 'h' : `h${i}`);
    const headers = Array.from({ length: 50_000 }, (_, i): [string, Buffer] => [
      name(i),
      Buffer.of(1),
    ]);
    expect((await throughKafka(kafkaRecord({ headers }))).headers).toEqual(headers);
  });
});

test('kafkaErrorType is undefined for errors that are not of kafkajs', () => {
  expect(kafkaErrorType(new Error('no'))).toBeUndefined();
  expect(kafkaErrorType(undefined)).toBeUndefined();
});
