import {
  DEAD_LETTER_HEADERS,
  deadLetterHeader,
  deadLetterHeaders,
  originalHeaders,
  sentBackHeaders,
} from '../../../src/domain/workflow/dead-letter';
import { kafkaRecord } from '../support/records';

const workflow = { workflowId: 'test-42-7', runId: 'run' };
const failedAt = new Date('2026-11-23T20:00:00.000Z');

function headersOf(record = kafkaRecord(), message = 'the sink says no') {
  const failure = { type: 'Permanent', message, attempts: 3 };
  return deadLetterHeaders('test', record, failure, workflow, failedAt);
}

test("dead-letter headers name the record's position, the workflow that gave it up and the reason", () => {
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
  const names = headers.map(([name]) => name);
  const others = ['cloudsync-replay-of', 'cloudsync-key', 'cloudsync-raw-id'];
  expect(new Set([...names, ...others])).toEqual(DEAD_LETTER_HEADERS);
});

test('a long error message is cut between characters', () => {
  const message = headersOf(kafkaRecord(), 'é'.repeat(5_000)).find(
    ([name]) => name === 'cloudsync-error-message',
  )![1];
  expect(message.toString()).toBe('é'.repeat(2_048));
});

test('the dead letter of a record that was sent back keeps its count of replays and its previous letter', () => {
  const own: [string, Buffer] = ['own', Buffer.from('x')];
  const back = sentBackHeaders({ topic: 'dead', partition: 1, offset: 5 }, 2);
  const record = kafkaRecord({ headers: [own, ...back] });
  const headers = headersOf(record);
  expect(headers.slice(-2)).toEqual([
    ['cloudsync-replays', Buffer.from('2')],
    ['cloudsync-replay-of', Buffer.from('dead/1@5')],
  ]);
  expect(originalHeaders({ ...record, headers: [...record.headers, ...headers] })).toEqual([own]);
});

test('deadLetterHeader reads the last header of its name', () => {
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
