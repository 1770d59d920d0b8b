import { originalHeaders, deadLetterHeaders } from '../../../src/domain/workflow/dead-letter';
import { messageSchema } from '../../../src/domain/record/message';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { defineStream } from '../../../src/domain/stream/stream';
import {
  deadLetterEntry,
  isLetterOf,
  originalPosition,
  withoutRepeats,
} from '../../../src/operations/dead-letters/dead-letters';

const stream = (name: string) =>
  defineStream({
    name,
    topic: 'orders',
    deadLetterTopic: 'dead',
    schema: messageSchema,
    sink: () => Promise.resolve(),
  });
const aws = stream('aws');
const azure = stream('azure');

const value = Buffer.from(
  JSON.stringify({ id: '42', type: 't', occurredAt: '2026-01-01T00:00:00Z', payload: 1 }),
);
const source: KafkaRecord = {
  topic: 'orders',
  partition: 3,
  offset: 1007,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('k'),
  value,
  headers: [['trace', Buffer.from('t1')]],
};

function letter(
  changes: { offset?: number; stream?: string; runId?: string; record?: Partial<KafkaRecord> } = {},
): KafkaRecord {
  const record = { ...source, ...changes.record };
  const headers = deadLetterHeaders(
    changes.stream ?? 'aws',
    record,
    { type: 'Permanent', message: 'no', attempts: 2 },
    { workflowId: 'aws-42-1007', runId: changes.runId ?? 'run-1' },
    new Date('2026-01-02T03:04:05.678Z'),
  );
  return {
    ...record,
    topic: 'dead',
    partition: 0,
    offset: changes.offset ?? 5,
    headers: [...record.headers, ...headers],
  };
}

function without(one: KafkaRecord, ...names: string[]): KafkaRecord {
  return { ...one, headers: one.headers.filter(([name]) => !names.includes(name)) };
}

function withHeader(one: KafkaRecord, name: string, text: string): KafkaRecord {
  return { ...one, headers: [...without(one, name).headers, [name, Buffer.from(text)]] };
}

test('an entry names the record, its workflow, its failure and the position of the letter', async () => {
  expect(await deadLetterEntry([aws], aws, letter())).toEqual({
    stream: 'aws',
    messageId: '42',
    key: 'k',
    rawId: null,
    topic: 'orders',
    partition: 3,
    offset: 1007,
    workflowId: 'aws-42-1007',
    runId: 'run-1',
    errorType: 'Permanent',
    errorMessage: 'no',
    attempts: 2,
    failedAt: '2026-01-02T03:04:05.678Z',
    replays: 0,
    replayOf: null,
    deadLetter: { topic: 'dead', partition: 0, offset: 5 },
  });
});

test.each([null, Buffer.from('{'), Buffer.from([0xff])])(
  'a letter with the value %p, which is no message, has no message id',
  async (bad) => {
    const entry = await deadLetterEntry([aws], aws, letter({ record: { value: bad } }));
    expect(entry.messageId).toBeNull();
  },
);

test('a letter is decoded with the stream that it names', async () => {
  const byType = defineStream({
    name: 'azure',
    topic: 'orders',
    schema: messageSchema,
    messageId: ({ type }) => type,
    sink: () => Promise.resolve(),
  });
  const entry = await deadLetterEntry([aws, byType], aws, letter({ stream: 'azure' }));
  expect(entry).toMatchObject({ stream: 'azure', messageId: 't' });
});

test('a foreign record on the dead-letter topic is listed, with null for missing fields', async () => {
  const foreign = { ...source, topic: 'dead', headers: [] };
  expect(await deadLetterEntry([aws], aws, foreign)).toMatchObject({
    stream: 'aws',
    messageId: '42',
    topic: null,
    partition: null,
    offset: null,
    workflowId: null,
    attempts: null,
    failedAt: null,
    replays: 0,
  });
  let wrong = letter();
  for (const name of ['partition', 'offset', 'attempts', 'failed-at', 'replays']) {
    wrong = withHeader(wrong, `cloudsync-${name}`, '1e3\u001b[2J');
  }
  expect(await deadLetterEntry([aws], aws, wrong)).toMatchObject({
    partition: null,
    offset: null,
    attempts: null,
    failedAt: null,
    replays: 0,
  });
  expect(originalPosition(wrong)).toBeUndefined();
});

test("originalHeaders and originalPosition restore the record's headers and position", () => {
  expect(originalHeaders(letter())).toEqual(source.headers);
  expect(originalPosition(letter())).toEqual({ topic: 'orders', partition: 3, offset: 1007 });
});

test('streams with a shared dead-letter topic see only their own letters', () => {
  expect(isLetterOf(aws, letter())).toBe(true);
  expect(isLetterOf(azure, letter())).toBe(false);
  expect(isLetterOf(aws, letter({ record: { topic: 'other' } }))).toBe(false);
  expect(isLetterOf(azure, without(letter(), 'cloudsync-stream'))).toBe(true);
});

test('a letter that one run has written twice is listed once', async () => {
  const unnamed = without(letter(), 'cloudsync-run-id');
  const letters = [
    letter({ offset: 1 }),
    letter({ offset: 2, runId: 'run-2' }),
    letter({ offset: 3 }),
    { ...unnamed, offset: 4 },
    { ...unnamed, offset: 5 },
  ];
  async function* topic() {
    yield* await Promise.resolve(letters);
  }
  const offsets: number[] = [];
  for await (const { offset } of withoutRepeats(topic())) offsets.push(offset);
  expect(offsets).toEqual([1, 2, 4, 5]);
});
