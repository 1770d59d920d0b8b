import {
  DEAD_LETTER_HEADERS,
  deadLetterHeader,
  deadLetterHeaders,
} from '../../src/domain/dead-letter';
import { kafkaRecord } from './support/records';

const workflow = { workflowId: 'test-42-7', runId: 'run' };
const failedAt = new Date('2026-11-23T20:00:00.000Z');

function headersOf(record = kafkaRecord(), message = 'the sink says no') {
  const failure = { type: 'Permanent', message, attempts: 3 };
  return deadLetterHeaders('test', record, failure, workflow, failedAt);
}

test('tell where the record lay, who gave it up and why', () => {
  const headers = headersOf().map(([name, value]) => [name, value.toString()]);
  expect(headers).toEqual([
    ['cloudsync-stream', 'test'],
    ['cloudsync-topic', 'topic'],
    ['cloudsync-partition', '0'],
    ['cloudsync-offset', '7'],
    ['cloudsync-timestamp', '1700000000123'],
    ['cloudsync-workflow-id', 'test-42-7'],
    ['cloudsync-run-id', 'run'],
    ['cloudsync-error-type', 'Permanent'],
    ['cloudsync-error-message', 'the sink says no'],
    ['cloudsync-attempts', '3'],
    ['cloudsync-failed-at', '2026-11-23T20:00:00.000Z'],
    ['cloudsync-replays', '0'],
  ]);
  expect(new Set(headers.map(([name]) => name))).toEqual(DEAD_LETTER_HEADERS);
});

test('a long message is cut between characters', () => {
  const message = headersOf(kafkaRecord(), 'é'.repeat(5_000)).find(
    ([name]) => name === 'cloudsync-error-message',
  )![1];
  expect(message.toString()).toBe('é'.repeat(2_048));
});

test('the count of replays comes from the record', () => {
  const record = kafkaRecord({ headers: [['cloudsync-replays', Buffer.from('2')]] });
  expect(headersOf(record).at(-1)).toEqual(['cloudsync-replays', Buffer.from('2')]);
});

test('deadLetterHeader reads the last one of its name', () => {
  const record = kafkaRecord({
    headers: [
      ['cloudsync-error-type', Buffer.from('Transient')],
      ['cloudsync-error-type', Buffer.from('Permanent')],
      ['error-type', Buffer.from('other')],
    ],
  });
  expect(deadLetterHeader(record, 'error-type')).toBe('Permanent');
  expect(deadLetterHeader(record, 'stream')).toBeUndefined();
});
