import { createHash } from 'node:crypto';
import type { SinkObject } from '../../../src/domain/stream/sink';
import { leaveOutDelivered } from '../../../src/operations/replay/replay-at-sink';
import type { Decision } from '../../../src/operations/replay/replay-decide';
import type { Letter } from '../../../src/operations/replay/replay-letters';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { letter } from '../support/letters';

const { value } = kafkaRecord();
const sha256 = createHash('sha256').update(value!).digest('hex');
const send: Decision = { action: 'send', source: { topic: 'topic', partition: 0, offset: 7 } };

interface Options {
  decision?: Decision;
  afterDeadLetter?: 'continue' | 'hold';
  of?: Letter;
}

async function decided(
  find: ((id: string) => Promise<SinkObject | undefined>) | undefined,
  { decision = send, afterDeadLetter = 'continue', of = letter() }: Options = {},
) {
  const notices: string[] = [];
  const { sink } = testStream();
  const decisions = new Map([[of, decision]]);
  await leaveOutDelivered(
    { sink: { ...sink, ...(find && { find }) }, afterDeadLetter },
    decisions,
    (text) => notices.push(text),
  );
  return { decision: decisions.get(of), notices };
}

const holds = (hash?: string) => () =>
  Promise.resolve({ location: '/sink/42', bytes: 1, ...(hash && { sha256: hash }) });

test('a record that is at the sink is refused, and counts as delivered', async () => {
  const { decision, notices } = await decided(holds(sha256));
  const reason = 'the sink holds it already: /sink/42';
  expect(decision).toEqual({ action: 'refuse', reason, end: 'delivered' });
  expect(notices).toEqual([]);
});

test.each([
  ['has nothing', () => Promise.resolve(undefined)],
  ['has other content under the id', holds('0'.repeat(64))],
  ['has an object without a hash under the id', holds()],
])('a record is sent back if the sink %s', async (_, find) => {
  expect((await decided(find)).decision).toBe(send);
});

test('a record is sent back if its sink has no find', async () => {
  expect(await decided(undefined)).toEqual({ decision: send, notices: [] });
});

test('the sink is asked only about records that would be sent back, by message id', async () => {
  const find = jest.fn(holds(sha256));
  const run: Decision = { action: 'run', failed: { workflowId: 'w', runId: 'r' } };
  expect((await decided(find, { decision: run })).decision).toBe(run);
  const nameless = { ...letter(), messageId: null };
  expect((await decided(find, { of: nameless })).decision).toBe(send);
  expect(find).not.toHaveBeenCalled();
  await decided(find);
  expect(find.mock.calls).toEqual([['42']]);
});

test('the sink is not asked in a stream that holds keys, as only a delivery frees a key', async () => {
  const find = jest.fn(holds(sha256));
  expect((await decided(find, { afterDeadLetter: 'hold' })).decision).toBe(send);
  expect(find).not.toHaveBeenCalled();
});

test('a record is sent back with a notice if the sink does not answer', async () => {
  const { decision, notices } = await decided(() => Promise.reject(new Error('no bucket')));
  expect(decision).toBe(send);
  expect(notices).toEqual(['the sink can not be asked what it holds: no bucket']);
});
