import type { KafkaRecord } from '../../../src/domain/record/record';
import { decodeRecordSet, type DecodedRecords } from '../../../src/kafka/records/record-set';
import {
  caseNames,
  readCase,
  shortened,
  summarized,
  type CorpusCase,
  type ExpectedRecord,
} from '../corpus/case-file';

type TimestampType = ExpectedRecord['timestampType'];
type Case = CorpusCase & { bytes: Buffer };

function decode(one: Case, abortedTransactions: Case['abortedTransactions']): DecodedRecords {
  return decodeRecordSet({
    topic: 'corpus',
    partition: 0,
    fetchOffset: Number(one.fetchOffset),
    bytes: one.bytes,
    highWatermark: Number(one.highWatermark),
    abortedTransactions: abortedTransactions.map(({ producerId, firstOffset }) => ({
      producerId: BigInt(producerId),
      firstOffset: Number(firstOffset),
    })),
  });
}

/** Converts a record to its form in a case. CloudSync does not know the type of a timestamp, so it comes from the case. */
function described(record: KafkaRecord, timestampType: TimestampType): ExpectedRecord {
  return {
    offset: `${record.offset}`,
    timestamp: record.exactTimestamp ?? `${record.timestamp}`,
    timestampType,
    key: record.key?.toString('base64') ?? null,
    value: shortened(record.value),
    headers: record.headers.map(([name, value]) => [name, value?.toString('base64') ?? null]),
  };
}

test.each(caseNames())('%s is decoded as Kafka’s own consumer decodes it', (name) => {
  const one = readCase(name);
  const { records, nextOffset, unreadable } = decode(one, one.abortedTransactions);
  const committed = new Set(records.map(({ offset }) => offset));
  const expected = Array.isArray(one.records) ? one.records : [];
  const all = decode(one, []).records.map((record, index) => ({
    ...described(record, expected[index]?.timestampType ?? 'CreateTime'),
    ...(!committed.has(record.offset) && { aborted: true as const }),
  }));
  expect(summarized(all)).toEqual(one.records);
  expect(`${nextOffset}`).toBe(one.nextOffset);
  const refused = one.refused === undefined ? undefined : Number(one.nextOffset);
  expect(unreadable?.offset).toBe(refused);
});

const severalAborted = caseNames().filter((name) => readCase(name).abortedTransactions.length > 1);

test.each(severalAborted)(
  '%s is decoded alike with the aborted transactions in reverse order',
  (name) => {
    const one = readCase(name);
    const backwards = decode(one, [...one.abortedTransactions].reverse());
    expect(backwards).toEqual(decode(one, one.abortedTransactions));
  },
);
