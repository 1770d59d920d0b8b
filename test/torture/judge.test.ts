import { judgeOrder, judgeStream, judgeTopic, type Observed } from './judge';
import type { Sending } from './ledger';
import type { Fate } from './messages';

const fates = new Map<string, Fate>([
  ['a', { id: 'a' }],
  ['b', { id: 'b' }],
  ['b2', { id: 'b' }],
  ['bad', { id: undefined, invalid: 'InvalidJson' }],
  ['large', { id: 'large', invalid: 'RecordTooLarge' }],
]);

/** Contents at the offsets 0, 1, … of one partition. */
function observed(contents: string[], rest: Partial<Observed>): Observed {
  const records = contents.map((content, offset) => ({ partition: 0, offset, content }));
  const { letters: given = [] } = rest;
  // Each letter has the content of its record, unless the test gives another one.
  const letters = given.map((one) => ({ ...one, content: one.content || contents[one.offset]! }));
  return { lane: 'record', appendOnly: false, fates, records, stored: [], ...rest, letters };
}

const letter = (offset: number, errorType: string, content = '') => ({
  ...{ partition: 0, offset },
  ...{ errorType, content },
});
const clean = { missing: [], double: [], unexpected: [], repeatedLetters: 0 };

test('judgeStream finds nothing if each id is stored once and all other records are dead-lettered', () => {
  const verdict = judgeStream(
    observed(['a', 'a', 'b', 'b2', 'bad'], {
      stored: ['a', 'b2'],
      letters: [letter(2, 'ContentConflict'), letter(4, 'InvalidJson')],
    }),
  );
  expect(verdict).toEqual({ ...clean, records: 5, delivered: 2, deadLettered: 2 });
});

test('judgeStream reports a message that is nowhere as missing', () => {
  const { missing } = judgeStream(observed(['a', 'b'], { stored: ['a'] }));
  expect(missing).toEqual(['"b": not at the sink, at 0@1']);
});

test('judgeStream reports an invalid record without a dead letter as missing', () => {
  const { missing } = judgeStream(observed(['bad'], {}));
  expect(missing).toEqual(['0@0: no dead letter, InvalidJson is due']);
});

test('judgeStream reports each conflicting record without a dead letter as missing', () => {
  const { missing } = judgeStream(
    observed(['b', 'b2', 'b2'], { stored: ['b'], letters: [letter(1, 'ContentConflict')] }),
  );
  expect(missing).toEqual(['0@2: no dead letter, ContentConflict is due']);
});

test('judgeStream reports two copies or two contents of one id as double', () => {
  expect(judgeStream(observed(['a'], { stored: ['a', 'a'] })).double).toEqual(['a']);
  expect(judgeStream(observed(['b', 'b2'], { stored: ['b', 'b2'] })).double).toEqual(['b']);
});

test('judgeStream reports a dead letter of a valid record, a wrong reason and a foreign object as unexpected', () => {
  const { unexpected } = judgeStream(
    observed(['a', 'bad'], {
      stored: ['a', 'bad', 'foreign'],
      letters: [letter(0, 'Transient'), letter(1, 'SchemaMismatch')],
    }),
  );
  expect(unexpected).toEqual([
    'the sink holds the invalid record at 0@1',
    'the sink holds foreign, which is not on the topic',
    '0@1: dead-lettered as SchemaMismatch, InvalidJson is due',
    '0@0: dead-lettered as Transient',
  ]);
});

test('judgeStream reports a dead letter with other content than its record as unexpected', () => {
  const letters = [letter(0, 'InvalidJson'), letter(0, 'InvalidJson', 'a')];
  const { unexpected } = judgeStream(observed(['bad'], { letters }));
  expect(unexpected).toEqual(['0@0: its dead letter has another content']);
});

test('judgeStream counts a repeated dead letter and does not report it', () => {
  const letters = [letter(0, 'InvalidJson'), letter(0, 'InvalidJson')];
  expect(judgeStream(observed(['bad'], { letters }))).toMatchObject({
    ...clean,
    deadLettered: 1,
    repeatedLetters: 1,
  });
});

test('judgeStream expects a record that is too large for a workflow at the sink only in the chunk lane', () => {
  const stored = ['large'];
  expect(judgeStream(observed(['large'], { stored, lane: 'chunk' }))).toMatchObject(clean);
  const letters = [letter(0, 'RecordTooLarge')];
  expect(judgeStream(observed(['large'], { letters }))).toMatchObject(clean);
});

test('judgeStream expects each content at least once at an append-only sink', () => {
  const appendOnly = true;
  const verdict = judgeStream(observed(['a', 'b', 'b2'], { appendOnly, stored: ['a', 'a', 'b'] }));
  expect(verdict.double).toEqual(['a']);
  expect(verdict.missing).toEqual(['"b": a content of it, at 0@2']);
});

test('judgeTopic expects each message as often as it was acknowledged, and no rejected message', () => {
  const sending = (content: string, state: Sending['state']): Sending => ({
    ...{ number: 0, kind: 'unique', via: 'api' },
    content,
    state,
  });
  const { records } = observed(['a', 'bad'], {});
  const sendings = [
    sending('a', 'acknowledged'),
    sending('a', 'acknowledged'),
    sending('b', 'unknown'),
    sending('bad', 'rejected'),
    sending('b2', 'rejected'),
  ];
  expect(judgeTopic(sendings, records, fates)).toEqual({
    lost: ['a: acknowledged 2 times, 1 on the topic'],
    leaked: ['bad: rejected, and on the topic'],
    refused: ['b2: rejected, and valid'],
    admitted: [],
  });
  const kafka = { ...sending('bad', 'acknowledged'), via: 'kafka' as const };
  expect(judgeTopic([kafka, sending('bad', 'acknowledged')], records, fates)).toMatchObject({
    ...{ lost: ['bad: acknowledged 2 times, 1 on the topic'], leaked: [], refused: [] },
    admitted: ['bad: taken by the HTTP producer, and invalid'],
  });
});

test('judgeOrder expects the first deliveries of a key in the order of offsets', () => {
  const entry = (key: string, offset: number) => ({
    ...{ time: 0, pid: 1, messageId: '', partition: 0, outcome: 'written' },
    key,
    offset,
  });
  const journal = [entry('k', 1), entry('l', 0), entry('k', 4), entry('k', 1), entry('k', 3)];
  expect(judgeOrder(journal, 'key')).toEqual(['0@3 (key k) came after offset 4']);
  expect(judgeOrder(journal, 'partition')).toHaveLength(2);
  expect(judgeOrder(journal, 'none')).toEqual([]);
});
