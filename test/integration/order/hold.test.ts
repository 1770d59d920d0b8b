import { Holds } from '../../../src/temporal/hold';
import { DeliveryError } from '../../../src/domain/errors';
import { holdWorkflowId } from '../../../src/domain/stream/hold';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { listDeadLetters } from '../../../src/operations/dead-letters/dead-letters-list';
import { giveUpHead } from '../../../src/operations/give-up';
import { streamStatus } from '../../../src/operations/status/status';
import type { MemorySink } from '../support/memory-sink';
import { replay } from '../support/replay';
import { counterValue, messageValue, until, World } from '../support/world';

jest.setTimeout(240_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

/** A message. Its key is the id without the number. */
const keyed = (id: string, text = id) => ({
  key: id.replace(/\d+$/, ''),
  value: messageValue(id, { text }),
});

async function send(stream: AnyStream, ...ids: string[]): Promise<void> {
  await world.send(
    stream.topic,
    ids.map((id) => keyed(id)),
  );
}

/** The letters of a key in their order on the topic, as `a1 Permanent`. */
async function letters(stream: AnyStream, key: string, count: number): Promise<string[]> {
  const ofKey = async () =>
    (await listDeadLetters(world.kafka(), [stream]))
      .filter(({ messageId }) => messageId?.replace(/\d+$/, '') === key)
      .sort((a, b) => a.deadLetter.offset - b.deadLetter.offset);
  await until(`${count} letters of ${key}`, async () => (await ofKey()).length >= count);
  return (await ofKey()).map(({ messageId, errorType }) => `${messageId} ${errorType}`);
}

/** Deletes the workflow of this record's letter, as the namespace's retention does. */
async function forget(stream: AnyStream, offset: number): Promise<void> {
  const all = await listDeadLetters(world.kafka(), [stream]);
  const workflowId = all.find((letter) => letter.offset === offset)!.workflowId!;
  await world.forget(workflowId);
}

const place = ({ topic }: AnyStream) => ({ topic, partition: 0 });

async function heads(stream: AnyStream): Promise<number[]> {
  const { client } = await world.temporal();
  const found = await new Holds(client, stream).heads(place(stream));
  return [...found.values()].map(([offset]) => offset);
}

async function offsetOf(stream: AnyStream, messageId: string): Promise<number> {
  const records = await world.records(stream.topic);
  return records.find(({ value }) => value!.includes(`"id":"${messageId}"`))!.offset;
}

const delivered = (sink: MemorySink) => [...sink.objects.keys()];
const ofKey = (sink: MemorySink, key: string) =>
  delivered(sink).filter((id) => id.replace(/\d+$/, '') === key);

/** Makes the sink reject these messages until they are deleted from the returned set. */
function rejecting(sink: MemorySink, ...ids: string[]): Set<string> {
  const bad = new Set(ids);
  sink.before = ({ messageId, value }) => {
    if (bad.has(messageId) || value.includes('bad')) {
      throw new DeliveryError('Permanent', 'rejected');
    }
  };
  return bad;
}

const held = { ordering: 'key', afterDeadLetter: 'hold', partitions: 1 } as const;
const chunks: ExecutionOptions = { lane: 'chunk', maxRecords: 50, lingerMs: 5 };

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: chunks },
])('in the $execution.lane lane', ({ execution }) => {
  test('records behind a dead record of their key wait, even across restarts, and are replayed in order', async () => {
    const { stream, sink } = await world.stream({
      ...{ ...held, execution },
      // Records of held keys do not count for the brake.
      brake: { minimum: 2, share: 0.01, probeAfterMs: 600_000 },
    });
    const bad = rejecting(sink, 'a1');
    const bridge = await world.bridge(stream);
    const worker = await world.worker(stream);
    await send(stream, 'a1', 'a2', 'b1', 'a3', 'b2');
    expect(await letters(stream, 'a', 3)).toEqual(['a1 Permanent', 'a2 HeldByKey', 'a3 HeldByKey']);
    await until('b is delivered', () => ofKey(sink, 'b').length === 2);

    await Promise.all([bridge.stop(), worker.stop()]);
    await send(stream, 'a4', 'b3');
    const second = await world.bridge(stream);
    await world.worker(stream);
    expect((await letters(stream, 'a', 4)).at(-1)).toBe('a4 HeldByKey');
    await until('b is delivered', () => ofKey(sink, 'b').length === 3);
    expect(ofKey(sink, 'a')).toEqual([]);
    expect(await heads(stream)).toEqual([0]);
    const { client } = await world.temporal();
    await until('the status tells', async () => {
      const { held } = await streamStatus(world.kafka(), client, stream);
      return held[0]?.keys === 1 && held[0].heads.join() === '0';
    });

    bad.clear();
    const home = ['a1', 'a2', 'a3', 'a4'];
    expect(await replay(world, stream)).toEqual(home.map((id) => `${id} replayed delivered`));
    expect(ofKey(sink, 'a')).toEqual(home);
    // The waiting records were not tried before.
    expect(home.slice(1).map((id) => sink.attemptsOf(id))).toEqual([1, 1, 1]);
    expect(await heads(stream)).toEqual([]);
    const workflowId = holdWorkflowId({ stream: stream.name, ...place(stream) });
    expect(await world.workflowStatus(workflowId)).toBe('COMPLETED');
    await send(stream, 'a5');
    await until('the key flows', () => ofKey(sink, 'a').length === 5);
    expect(await letters(stream, 'a', 4)).toHaveLength(4);
    expect(await counterValue(second.metrics.braked, { stream: stream.name })).toBe(0);
  });

  test('records of a held key are replayed in order even if their workflows are gone', async () => {
    const { stream, sink } = await world.stream({ ...held, execution });
    const bad = rejecting(sink, 'a1');
    const bridge = await world.bridge(stream);
    await send(stream, 'a1', 'a2', 'a3', 'b1');
    await letters(stream, 'a', 3);
    const offset = await offsetOf(stream, 'b1');
    // A record without an id.
    await world.send(stream.topic, [{ key: 'c', value: '{"name":"c1"}' }, keyed('c2')]);
    expect(await letters(stream, 'c', 1)).toEqual(['c2 HeldByKey']);
    await Promise.all([0, 2, offset + 1].map((one) => forget(stream, one)));
    bad.clear();
    await bridge.stop();
    const widened: AnyStream = {
      ...stream,
      decode: (value) => {
        const { name, ...rest } = JSON.parse(value.toString()) as Record<string, unknown>;
        return { id: name, type: 't', occurredAt: '2026-01-01T00:00:00Z', payload: {}, ...rest };
      },
    };
    await world.bridge(widened);
    expect((await replay(world, widened)).sort()).toEqual([
      'a1 sentBack delivered',
      'a2 replayed delivered',
      'a3 sentBack delivered',
      'c1 sentBack delivered',
      'c2 replayed delivered',
    ]);
    expect(ofKey(sink, 'a')).toEqual(['a1', 'a2', 'a3']);
    expect(ofKey(sink, 'c')).toEqual(['c1', 'c2']);
    expect(await heads(stream)).toEqual([]);
  });
});

const word = { by: 'me@here', reason: 'nobody needs it' };

test('a key continues after an operator has given up its dead record', async () => {
  const { stream, sink } = await world.stream(held);
  rejecting(sink, 'a1');
  await world.bridge(stream);
  await send(stream, 'a1', 'a2', 'a3');
  await letters(stream, 'a', 3);
  const { client } = await world.temporal();
  const record = (offset: number) => ({ ...place(stream), offset });
  await expect(giveUpHead(client, stream, record(1), word)).rejects.toThrow(
    '/0@1 is not the first dead record of a held key',
  );
  expect(await giveUpHead(client, stream, record(0), word)).toEqual(record(1));
  // The record that was given up comes last, and nothing waits for it.
  expect(await replay(world, stream)).toEqual([
    'a2 replayed delivered',
    'a3 replayed delivered',
    'a1 replayed deadAgain',
  ]);
  expect(await heads(stream)).toEqual([0]);
  expect(await giveUpHead(client, stream, record(0), word)).toBeNull();
  await expect(giveUpHead(client, stream, record(0), word)).rejects.toThrow(
    'not the first dead record',
  );
  await send(stream, 'a4');
  await until('the key flows', () => ofKey(sink, 'a').length === 3);
});

test('a corrected message with the same id frees the key', async () => {
  const { stream, sink } = await world.stream(held);
  rejecting(sink);
  await world.bridge(stream);
  await world.send(stream.topic, [keyed('a1', 'bad'), keyed('a2')]);
  await letters(stream, 'a', 2);
  await send(stream, 'a1');
  const second = await offsetOf(stream, 'a2');
  await until('the next one is the head', async () => (await heads(stream))[0] === second);
  expect(ofKey(sink, 'a')).toEqual(['a1']);
  expect(await replay(world, stream, { messageIds: ['a2'] })).toEqual(['a2 replayed delivered']);
  await send(stream, 'a3');
  await until('the key flows', () => ofKey(sink, 'a').length === 3);
  expect(ofKey(sink, 'a')).toEqual(['a1', 'a2', 'a3']);
});
