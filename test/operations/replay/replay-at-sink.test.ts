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

test('what the sink holds is refused, and counts as delivered', async () => {
  const { decision, notices } = await decided(holds(sha256));
  const reason = 'the sink holds it already: /sink/42';
  expect(decision).toEqual({ action: 'refuse', reason, end: 'delivered' });
  expect(notices).toEqual([]);
});

test.each([
  ['nothing', () => Promise.resolve(undefined)],
  ['other content under the id', holds('0'.repeat(64))],
  ['something under the id', holds()],
])('where the sink holds %s, the record is sent', async (_, find) => {
  expect((await decided(find)).decision).toBe(send);
});

test('a sink that can not look up is not asked', async () => {
  expect(await decided(undefined)).toEqual({ decision: send, notices: [] });
});

test('only what would be sent is asked for, by its message id', async () => {
  const find = jest.fn(holds(sha256));
  const run: Decision = { action: 'run', failed: { workflowId: 'w', runId: 'r' } };
  expect((await decided(find, { decision: run })).decision).toBe(run);
  const nameless = { ...letter(), messageId: null };
  expect((await decided(find, { of: nameless })).decision).toBe(send);
  expect(find).not.toHaveBeenCalled();
  await decided(find);
  expect(find.mock.calls).toEqual([['42']]);
});

test('where keys are held no sink is asked, as only a delivery sets a key free', async () => {
  const find = jest.fn(holds(sha256));
  expect((await decided(find, { afterDeadLetter: 'hold' })).decision).toBe(send);
  expect(find).not.toHaveBeenCalled();
});

test('a sink that does not answer is told of, and decides at the delivery', async () => {
  const { decision, notices } = await decided(() => Promise.reject(new Error('no bucket')));
  expect(decision).toBe(send);
  expect(notices).toEqual(['the sink can not be asked what it holds: no bucket']);
});
