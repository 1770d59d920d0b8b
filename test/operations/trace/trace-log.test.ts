import { startOfUnreadable } from '../../../src/domain/workflow/record-start';
import { isOfOtherLog, markOfLetter, SeenLog } from '../../../src/operations/trace/trace-log';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { letterRecord } from '../support/letters';

const record = kafkaRecord();
const { topic, partition, offset, timestamp } = record;
const memo = { topic, partition, offset, timestamp };
const batch = (text: string) =>
  kafkaRecord({ timestamp: -1, value: Buffer.from(text), unreadable: 'a wrong checksum' });

test.each([
  ["with the record's timestamp", memo, false],
  ['with another timestamp', { ...memo, timestamp: 1 }, true],
  ['with another timestamp at another offset', { ...memo, offset: 8, timestamp: 1 }, false],
  ['without a timestamp', { ...memo, timestamp: undefined }, false],
  ['without a place', { timestamp: 1 }, false],
])('SeenLog says whether a run is of another log: a run %s', (_, given, isOther) => {
  expect(new SeenLog([record]).isOtherRun(given)).toBe(isOther);
  expect(new SeenLog([]).isOtherRun(given)).toBe(false);
});

test('a letter with another timestamp is of another log', () => {
  expect(isOfOtherLog(record, markOfLetter(letterRecord()))).toBe(false);
  const other = letterRecord({ record: { timestamp: timestamp + 1 } });
  expect(isOfOtherLog(record, markOfLetter(other))).toBe(true);
  const headers = other.headers.filter(([name]) => name !== 'cloudsync-timestamp');
  expect(isOfOtherLog(record, markOfLetter({ ...other, headers }))).toBe(false);
});

test('an unreadable batch with other bytes is of another log', () => {
  const log = new SeenLog([batch('one')]);
  const letterOf = (text: string) =>
    markOfLetter(letterRecord({ record: batch(text), errorType: 'UnreadableBatch' }));
  const memoOf = (text: string) => ({ ...startOfUnreadable(testStream(), batch(text)).memo });
  expect(log.isOther(batch('one'), letterOf('one'))).toBe(false);
  expect(log.isOther(batch('one'), letterOf('two'))).toBe(true);
  expect(log.isOtherRun(memoOf('one'))).toBe(false);
  expect(log.isOtherRun(memoOf('two'))).toBe(true);
});

test('a record is not of another log if its batch was unreadable and is readable now, or the reverse', () => {
  const letter = letterRecord({ record: batch('one'), errorType: 'UnreadableBatch' });
  expect(isOfOtherLog(record, markOfLetter(letter))).toBe(false);
  expect(isOfOtherLog(batch('one'), { timestamp })).toBe(false);
});

const chunk = { ...memo, offset: 5, first: 5, firstRecord: 5, last: 9, timestamp: 1 };
const firstOfChunk = kafkaRecord({ offset: 5 });

test.each([
  ['with the id of the topic', 'a', false],
  ['with another id', 'b', true],
  ['without an id', undefined, false],
])('SeenLog says whether a chunk is of another log: a chunk %s', (_, topicId, isOther) => {
  const log = new SeenLog([record], { topicId: 'a' });
  expect(log.isOtherRun({ ...chunk, topicId })).toBe(isOther);
});

test('a chunk without a topic id is of another log if its first record has another timestamp', () => {
  expect(new SeenLog([firstOfChunk]).isOtherRun(chunk)).toBe(true);
  expect(new SeenLog([firstOfChunk]).isOtherRun({ ...chunk, timestamp })).toBe(false);
});

test('a chunk of the present topic is of another log than a record of a deleted topic', () => {
  const log = new SeenLog([record], { topicId: 'a', isGone: true });
  expect(log.isOtherRun({ ...chunk, topicId: 'a' })).toBe(true);
  expect(log.isOtherRun({ ...chunk, topicId: 'b' })).toBe(false);
});
