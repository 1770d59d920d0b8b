import { isDeepStrictEqual } from 'node:util';
import { topicEnds } from '../../../src/kafka/offsets';
import { streamStatus } from '../../../src/operations/status/status';
import { reconcile } from '../../../src/operations/reconcile/reconcile';
import { topicRanges } from '../../../src/operations/topic/read-topic';
import { trace } from '../../../src/operations/trace/trace';
import { leaveTransactionOpen } from '../support/open-transaction';
import { messageValue, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
let abort: (() => Promise<void>) | undefined;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  await abort?.();
  abort = undefined;
  await world.close();
});

/** Two partitions. The first has one record before an open transaction, two in it, and one after it. */
async function openTransaction() {
  const { stream } = await world.stream({ partitions: 2 });
  const send = (partition: number, id: string) =>
    world.send(stream.topic, [{ key: id, value: messageValue(id), partition }]);
  await send(0, 'before');
  await send(1, 'other');
  abort = await leaveTransactionOpen(
    world,
    stream.topic,
    ['in', 'too'].map((id) => messageValue(id)),
  );
  await send(0, 'behind');
  return stream;
}

test('topicEnds returns both the last stable offset and the high watermark', async () => {
  const { topic } = await openTransaction();
  expect(await topicEnds(world.kafka(), topic)).toEqual([
    { partition: 0, low: 0, stable: 1, high: 4 },
    { partition: 1, low: 0, stable: 1, high: 1 },
  ]);
  await abort!();
  abort = undefined;
  // The marker that ends the transaction has an offset of its own.
  const readable = { partition: 0, low: 0, stable: 5, high: 5 };
  await until('all can be read', async () => {
    const [first] = await topicEnds(world.kafka(), topic);
    return isDeepStrictEqual(first, readable);
  });
});

test('status counts the records that an open transaction holds back', async () => {
  const stream = await openTransaction();
  const { client } = await world.temporal();
  const { lagByPartition } = await streamStatus(world.kafka(), client, stream);
  expect(lagByPartition).toEqual({ 0: 4, 1: 1 });
});

test('a range ends before an open transaction, and a notice counts the records after it', async () => {
  const { topic } = await openTransaction();
  const notices: string[] = [];
  expect(await topicRanges(world.kafka(), topic, (text) => notices.push(text))).toEqual([
    { partition: 0, low: 0, high: 1 },
    { partition: 1, low: 0, high: 1 },
  ]);
  expect(notices).toEqual([`3 records behind an open transaction at ${topic}/0@1 are not read`]);
});

test('topicRanges is undefined for a topic that does not exist', async () => {
  expect(await topicRanges(world.kafka(), 'no-such-topic')).toBeUndefined();
});

test('trace and reconcile read up to an open transaction, and say what they do not read', async () => {
  const stream = await openTransaction();
  const { client } = await world.temporal();
  const unread = `3 records behind an open transaction at ${stream.topic}/0@1 are not read`;
  const options = { scan: true };
  const traced = await trace(world.kafka(), client, [stream], { messageId: 'behind' }, options);
  expect(traced.streams[0]!.notLookedAt).toContain(unread);
  const notices: string[] = [];
  const onNotice = (text: string) => notices.push(text);
  const report = await reconcile(world.kafka(), client, stream, { onNotice });
  expect(report).toMatchObject({ messages: 2, missing: 2 });
  expect(notices).toContain(unread);
});
