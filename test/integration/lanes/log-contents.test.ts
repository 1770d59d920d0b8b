import { gzipSync } from 'node:zlib';
import { encodeBatch, varint } from '../../kafka/support/encode-batch';
import { topicEnds } from '../../../src/kafka/offsets';
import { withAdmin } from '../../../src/kafka/kafka';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { streamStatus } from '../../../src/operations/status/status';
import { skipBatch } from '../../../src/operations/skip-batch';
import { produceBytes } from '../support/produce-bytes';
import { message, messageValue, uniqueName, until, World } from '../support/world';

jest.setTimeout(180_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const lanes: { execution: ExecutionOptions }[] = [
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk' } },
];

async function transactional(name: string) {
  const producer = world.kafka().producer({
    transactionalId: uniqueName(name),
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return producer;
}

async function caughtUp(stream: AnyStream): Promise<void> {
  await until('all is committed', async () => (await world.lag(stream)) === 0);
}

describe.each(lanes)('in the $execution.lane lane', ({ execution }) => {
  test('records of aborted transactions are not delivered, even if transactions overlap', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const [a, b] = [await transactional('a'), await transactional('b')];
    const send = (id: string) => ({ topic: stream.topic, messages: [message(id)] });
    // The first transaction begins first and ends last.
    const first = await a.transaction();
    await first.send(send('aborted-a'));
    const second = await b.transaction();
    await second.send(send('aborted-b'));
    await second.abort();
    await world.send(stream.topic, [message('plain')]);
    await first.abort();
    const third = await a.transaction();
    await third.send(send('committed-a'));
    const fourth = await b.transaction();
    await fourth.send(send('committed-b'));
    await third.commit();
    await fourth.commit();
    await Promise.all([a.disconnect(), b.disconnect()]);
    await world.send(stream.topic, [message('last')]);
    await world.bridge(stream);
    await until('the last is delivered', () => sink.objects.has('last'));
    await caughtUp(stream);
    const delivered = ['committed-a', 'committed-b', 'last', 'plain'];
    expect([...sink.objects.keys()].sort()).toEqual(delivered);
  });

  test('a recreated topic is read from its start, even if it begins with a marker', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    await world.send(
      stream.topic,
      Array.from({ length: 12 }, (_, i) => message(`old-${i}`)),
    );
    const bridge = await world.bridge(stream);
    await until('the old ones are delivered', () => sink.objects.size === 12);
    await world.recreateTopic(stream);
    const producer = await transactional('a');
    const aborted = await producer.transaction();
    await aborted.send({ topic: stream.topic, messages: [message('aborted')] });
    await aborted.abort();
    await producer.disconnect();
    // The consumer may have read the marker before the records come or not. Both cases must work.
    await until('it has seen the new log', async () => {
      const [end] = await topicEnds(world.kafka(), stream.topic);
      return end!.high === 2;
    });
    for (const batch of [5, 10]) {
      const messages = Array.from({ length: batch }, (_, i) => message(`new-${batch}-${i}`));
      await world.send(stream.topic, messages);
      await until(`${batch} new ones`, () => messages.every(({ key }) => sink.objects.has(key)));
    }
    expect(sink.objects.has('aborted')).toBe(false);
    expect(bridge.faults()).toEqual({});
  });

  test('a topic that is recreated while no bridge worker runs, and grows beyond the commit, is read from its start', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const ids = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => message(`${name}-${i}`));
    await world.send(stream.topic, ids('old', 12));
    const bridge = await world.bridge(stream);
    await until('the old ones are delivered', () => sink.objects.size === 12);
    await caughtUp(stream);
    await bridge.stop();
    const committed = await world.committed(stream);
    await world.recreateTopic(stream);
    await world.send(stream.topic, ids('new', 30));
    // Kafka deletes a group's offsets with the topic. A backup tool may write them back.
    await world.commit(stream, committed);
    await world.bridge(stream);
    await until('the new ones are delivered', () => sink.objects.size === 42, 30_000);
    await caughtUp(stream);
  });

  test('a record with thousands of headers does not delay other records', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const headers = Object.fromEntries(
      Array.from({ length: 12_000 }, (_, i) => [`retry-${i}`, Buffer.alloc(0)]),
    );
    const messages = [{ ...message('many'), headers }, message('behind-1'), message('behind-2')];
    await world.send(stream.topic, messages);
    await world.bridge(stream);
    await until('delivered', () => sink.objects.size === 3);
  });

  test('a dead letter has the timestamp of its record, even one in nanoseconds', async () => {
    const { stream } = await world.stream({ partitions: 1, execution });
    const name = 'message.timestamp.after.max.ms';
    await world.setTopicConfig(stream.topic, name, '9223372036854775807');
    const given = ['1795914000000000123', '1795914000000001', '9007199254740993', '1'];
    for (const timestamp of given) {
      await world.send(stream.topic, [{ key: null, value: Buffer.from('no JSON'), timestamp }]);
    }
    await world.bridge(stream);
    const letters = () => world.records(stream.deadLetterTopic);
    await until('all letters', async () => (await letters()).length === given.length);
    const kept = (await letters()).map(({ timestamp, exactTimestamp = `${timestamp}` }) => {
      return exactTimestamp;
    });
    expect(kept.sort()).toEqual([...given].sort());
  });

  test('an unreadable batch stalls only its partition, until an operator skips it', async () => {
    world.bridgeOptions = { stalledAfterMs: 1_000 };
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    const { stream: other, sink: otherSink } = await world.stream({ partitions: 1, execution });
    await world.send(stream.topic, [message('before')]);
    await produceBytes(world.kafka(), stream.topic, tooLargeUnpacked());
    await world.send(stream.topic, [message('behind')]);
    const bridge = await world.bridge(stream, other);
    await world.send(other.topic, [message('elsewhere')]);
    await until('the others go on', () => otherSink.objects.size === 1);
    await until('what lies before is delivered', () => sink.objects.has('before'));
    await until('it is named', () => Object.keys(bridge.notices!()).length > 0);
    const [text] = Object.values(bridge.notices!());
    expect(text).toMatch(/^at offset 1 for \d+ s: unreadable \(offset 1 to 2: .+\)$/);
    expect(bridge.faults()).toEqual({});
    const { client } = await world.temporal();
    const kafka = world.kafka();
    await until('status names it', async () => {
      const { stalled } = await streamStatus(kafka, client, stream);
      return stalled[0]?.reason === 'unreadable' && stalled[0].offset === 1;
    });
    const place = { topic: stream.topic, partition: 0, offset: 1 };
    const atTheEnd = skipBatch(kafka, client, stream, { ...place, offset: 1_000 });
    await expect(atTheEnd).rejects.toThrow(/no batch lies at .+ the committed records end before/);
    const readable = skipBatch(kafka, client, stream, { ...place, offset: 0 });
    await expect(readable).rejects.toThrow(/no unreadable batch lies at /);
    await skipBatch(kafka, client, stream, place);
    await until('it goes on', () => sink.objects.has('behind'));
    await caughtUp(stream);
    const letters = () => world.records(stream.deadLetterTopic);
    await until('it is a letter', async () => (await letters()).length > 0);
    const [letter, ...others] = await letters();
    expect(others).toEqual([]);
    expect(letter!.headers).toContainEqual([
      'cloudsync-error-type',
      Buffer.from('UnreadableBatch'),
    ]);
    // The letter is the raw batch of the broker. Kafka's own tools can decode it.
    expect(letter!.value!.readInt8(16)).toBe(2);
  });

  test('status names an unreadable batch that is the first of its partition', async () => {
    world.bridgeOptions = { stalledAfterMs: 1_000 };
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    await produceBytes(world.kafka(), stream.topic, tooLargeUnpacked());
    await world.send(stream.topic, [message('behind-1'), message('behind-2')]);
    const bridge = await world.bridge(stream);
    const { client } = await world.temporal();
    const stalled = async () => (await streamStatus(world.kafka(), client, stream)).stalled;
    await until('status names it', async () => (await stalled()).length > 0, 20_000);
    expect(await stalled()).toMatchObject([
      {
        partition: 0,
        offset: 0,
        reason: 'unreadable',
        detail: expect.stringMatching(/^offset 0 to 1: /) as string,
      },
    ]);
    // The next owner starts at the same offset.
    await bridge.stop();
    await world.bridge(stream);
    await until('the next owner names it', async () => (await stalled()).length > 0, 20_000);
    await skipBatch(world.kafka(), client, stream, {
      ...{ topic: stream.topic, partition: 0, offset: 0 },
    });
    await until('it goes on', () => sink.objects.size === 2, 60_000);
    await caughtUp(stream);
    await until('status names nothing', async () => (await stalled()).length === 0);
    expect([...sink.objects.keys()].sort()).toEqual(['behind-1', 'behind-2']);
    expect(sink.attempts).toHaveLength(2);
    await until('it is a letter', async () => {
      return (await world.records(stream.deadLetterTopic)).length === 1;
    });
  });

  test('an unreadable batch is dead-lettered raw with onUnreadable deadLetter', async () => {
    const { stream, sink } = await world.stream({
      partitions: 1,
      execution,
      onUnreadable: 'deadLetter',
    });
    await produceBytes(world.kafka(), stream.topic, tooLargeUnpacked());
    await world.send(stream.topic, [message('behind')]);
    await world.bridge(stream);
    await until('it goes on', () => sink.objects.has('behind'));
    await until('it is a letter', async () => {
      return (await world.records(stream.deadLetterTopic)).length === 1;
    });
    await caughtUp(stream);
  });
});

test('a topic that is recreated while its partition is paused, and grows beyond the last read offset, is read from its start', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, maxOpen: 1 });
  const [old, fresh] = ['old', 'new'].map((name) => (i: number) => `${name}-${i}`);
  let goOn: () => void = () => undefined;
  const wait = new Promise<void>((resolve) => (goOn = resolve));
  sink.before = () => wait;
  // A window has room for 8 MiB.
  const large = 'x'.repeat(900_000);
  for (let i = 0; i < 12; i++) await world.send(stream.topic, [message(old!(i), large)]);
  await world.bridge(stream);
  await until('it is full', () => sink.attempts.length > 0);
  await world.recreateTopic(stream);
  const ids = Array.from({ length: 30 }, (_, i) => fresh!(i));
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  goOn();
  await until('the new ones are delivered', () => ids.every((id) => sink.objects.has(id)));
  await caughtUp(stream);
});

test('an unreadable batch has to be skipped again after its topic was recreated', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const { client } = await world.temporal();
  const place = { topic: stream.topic, partition: 0, offset: 0 };
  const skip = () => skipBatch(world.kafka(), client, stream, place);
  const letters = async () => (await world.records(stream.deadLetterTopic)).length;
  await world.bridge(stream);
  const skipped = new Set<string>();
  for (const time of [1, 2, 3, 4]) {
    if (time > 1) await world.recreateTopic(stream);
    await produceBytes(world.kafka(), stream.topic, tooLargeUnpacked(`batch-${time}`));
    const first = await skip();
    expect(first.existed).toBe(false);
    expect(await skip()).toEqual({ ...first, existed: true });
    skipped.add(first.workflowId);
    await world.send(stream.topic, [message(`behind-${time}`)]);
    await until('it goes on', () => sink.objects.has(`behind-${time}`));
    await until('it is a letter', async () => (await letters()) === time);
  }
  expect(skipped.size).toBe(4);
});

test('a batch of 140,000 records is delivered', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution: { lane: 'chunk' } });
  const value = (i: number) => messageValue(`w${i}`, i);
  const records = Array.from({ length: 140_000 }, (_, offsetDelta) => ({
    offsetDelta,
    value: value(offsetDelta),
  }));
  const batch = encodeBatch({
    attributes: 1,
    baseTimestamp: BigInt(Date.now()),
    maxTimestamp: BigInt(Date.now()),
    records,
    packed: (bytes) => gzipSync(bytes),
  });
  await world.setTopicConfig(stream.topic, 'max.message.bytes', String(batch.length + 1));
  await produceBytes(world.kafka(), stream.topic, batch);
  await world.send(stream.topic, [message('behind')]);
  const bridge = await world.bridge(stream);
  await until('delivered', () => sink.objects.size === 140_001, 150_000);
  expect(bridge.faults()).toEqual({});
});

describe('in the chunk lane', () => {
  test('offsets that belong to no chunk are committed, whether or not a record came before them', async () => {
    const { stream, sink } = await world.stream({ partitions: 1, execution: { lane: 'chunk' } });
    const producer = await transactional('a');
    const end = async (how: 'commit' | 'abort', id: string) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic: stream.topic, messages: [message(id)] });
      await transaction[how]();
    };
    await end('abort', 'aborted-1');
    const bridge = await world.bridge(stream);
    await caughtUp(stream);
    await end('commit', 'first');
    await end('abort', 'aborted-2');
    await caughtUp(stream);
    await bridge.stop();
    await world.bridge(stream);
    await end('commit', 'second');
    await until('it is delivered', () => sink.objects.has('second'));
    await caughtUp(stream);
    await producer.disconnect();
    expect([...sink.objects.keys()]).toEqual(['first', 'second']);
    expect(sink.attempts).toHaveLength(2);
  });
});

test('both lanes and readers skip a batch that compaction has emptied', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const { stream: inChunks, sink: sinkOfChunks } = await world.stream({
    partitions: 1,
    topic: stream.topic,
    execution: { lane: 'chunk' },
  });
  await world.setTopicConfigs(stream.topic, {
    'cleanup.policy': 'compact',
    'segment.bytes': '1048576',
    'min.cleanable.dirty.ratio': '0.001',
    'max.message.bytes': '2000000',
  });
  // The cleaner keeps the last batch of each idempotent producer and removes its records.
  const send = async (key: string, id: string, size = 0) => {
    const producer = world.kafka().producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const value = messageValue(id, 'x'.repeat(size));
    await producer.send({ topic: stream.topic, acks: -1, messages: [{ key, value }] });
    await producer.disconnect();
  };
  await send('z', 'z1', 700_000);
  await send('k', 'k1');
  await send('y', 'y1', 700_000);
  await send('k', 'k2');
  await send('v', 'v1', 700_000);
  const offsets = async () => (await world.records(stream.topic)).map(({ offset }) => offset);
  await until('compaction has run', async () => !(await offsets()).includes(1), 120_000);
  expect(await offsets()).toEqual([0, 2, 3, 4]);
  await world.bridge(stream, inChunks);
  await until('delivered', () => sink.objects.size === 4 && sinkOfChunks.objects.size === 4);
  await Promise.all([stream, inChunks].map(caughtUp));
  await withAdmin(world.kafka(), (admin) => admin.deleteTopics({ topics: [stream.topic] }));
});

/** A batch of two records, one of which exceeds the limit of an unpacked batch. The broker accepts it. */
function tooLargeUnpacked(id = 'in-the-batch'): Buffer {
  const size = 129 * 1024 * 1024;
  const now = BigInt(Date.now());
  const small = encodeBatch({ records: [{ offsetDelta: 0, value: messageValue(id) }] });
  const head = Buffer.concat([
    Buffer.alloc(1),
    varint(0n),
    varint(1n),
    varint(-1n),
    varint(BigInt(size)),
  ]);
  const large = [varint(BigInt(head.length + size + 1)), head, Buffer.alloc(size), varint(0n)];
  const packed = gzipSync(Buffer.concat([small.subarray(61), ...large]), { level: 1 });
  return encodeBatch({
    attributes: 1,
    baseTimestamp: now,
    maxTimestamp: now,
    records: [],
    lastOffsetDelta: 1,
    count: 2,
    packed: () => packed,
  });
}
