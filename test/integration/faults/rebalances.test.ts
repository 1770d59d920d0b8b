import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import type { WindowEntry } from '../../../src/bridge/partition/partition-window';
import { withAdmin, type Kafka, type KafkaSettings } from '../../../src/kafka/kafka';
import { createGroupClient } from '../../../src/kafka/group-client';
import type { AnyStream } from '../../../src/domain/stream/stream';
import type { Service } from '../../../src/lib/lifecycle';
import { createMetrics } from '../../../src/telemetry/metrics';
import { fakeLane, keepingLogger } from '../../bridge/support/fakes';
import { ApiKey, KafkaProxy } from '../support/kafka-proxy';
import { message, uniqueName, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
let proxy: KafkaProxy;
const members: Member[] = [];

beforeEach(async () => {
  world = new World();
  proxy = await KafkaProxy.start(world.settings.kafka.brokers[0]!);
});
afterEach(async () => {
  proxy.release();
  await Promise.all(members.splice(0).map((member) => member.consumer.stop()));
  await proxy.close();
  await world.close();
});

/** One member of a stream's group: a consumer whose records are finished by the test. */
class Member {
  readonly entries: WindowEntry[] = [];
  readonly log = keepingLogger();
  readonly consumer: StreamConsumer;

  constructor(stream: AnyStream, kafka: KafkaSettings) {
    this.consumer = new StreamConsumer({
      stream,
      group: createGroupClient(kafka, stream, this.log.logger),
      metrics: createMetrics(),
      logger: this.log.logger,
      recentIds: () => 0,
      stalledAfterMs: 60_000,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
      onFatal: (error) => this.log.logger.error({ err: error }, 'fatal'),
    });
    members.push(this);
  }

  start(): Promise<void> {
    return this.consumer.start(
      fakeLane({ accept: (entries) => void this.entries.push(...entries) }),
    );
  }

  get joins(): number[][] {
    return this.log.lines
      .filter(({ msg }) => msg === 'Joined the consumer group')
      .map(({ partitions }) => partitions as number[]);
  }

  /** The partitions that the last join has assigned. */
  get assigned(): number[] {
    return this.joins.at(-1) ?? [];
  }

  /** Waits for the records of a partition up to this offset, and finishes them. */
  async finishes(partition: number, upTo: number): Promise<void> {
    const entry = (offset: number) =>
      this.entries.find(
        ({ record, window }) =>
          record.partition === partition && record.offset === offset && !window.revoked,
      );
    await until(`offset ${upTo} of ${partition} is read`, () => entry(upTo) !== undefined);
    for (const one of this.entries) {
      if (one.record.partition === partition && one.record.offset <= upTo) one.window.finish(one);
    }
  }
}

/** Adds a member. The group assigns partitions to its members in the order of their client ids. */
async function join(stream: AnyStream, clientId: string, through?: KafkaProxy): Promise<Member> {
  const kafka = { ...world.settings.kafka, clientId };
  const member = new Member(stream, through ? through.through(kafka) : kafka);
  await member.start();
  await until('it has joined', () => member.joins.length > 0);
  return member;
}

async function committed({ groupId, topic }: AnyStream, partition: number): Promise<number> {
  const [group] = await withAdmin(world.kafka(), (admin) =>
    admin.fetchOffsets({ groupId, topics: [topic] }),
  );
  return Number(group!.partitions.find((one) => one.partition === partition)!.offset);
}

/** Sends `count` records to each partition. */
function send(stream: AnyStream, partitions: number, count: number): Promise<void> {
  const messages = Array.from({ length: partitions * count }, (_, i) => ({
    ...message(`m${i}`),
    partition: i % partitions,
  }));
  return world.send(stream.topic, messages);
}

test("a commit that arrives after a rebalance does not move the new owner's offset", async () => {
  const { stream } = await world.stream({ partitions: 2 });
  await send(stream, 2, 6);
  const old = await join(stream, 'b', proxy);
  proxy.hold(ApiKey.offsetCommit);
  for (const partition of [0, 1]) await old.finishes(partition, 5);
  await until('its commit is on the way', () => proxy.held === 1);
  const owner = await join(stream, 'a');
  const [moved] = owner.assigned;
  await until('the first one knows', () => old.assigned.length === 1);
  expect(old.assigned).not.toContain(moved);
  await send(stream, 2, 3);
  await owner.finishes(moved!, 8);
  await until('that is committed', async () => (await committed(stream, moved!)) === 9);
  proxy.release();
  await until('the late commit is refused', () =>
    old.log.lines.some(({ msg }) => msg === 'Offset commit failed'),
  );
  expect(await committed(stream, moved!)).toBe(9);
});

test('a member that has missed a generation does not continue from its old position', async () => {
  const { stream } = await world.stream({ partitions: 3 });
  await send(stream, 3, 6);
  // If the leader's own request were held, all members would wait.
  await join(stream, 'c');
  const old = await join(stream, 'b', proxy);
  const before = old.assigned;
  expect(before).toHaveLength(2);
  for (const partition of before) await old.finishes(partition, 2);
  for (const partition of before) {
    await until('it has committed', async () => (await committed(stream, partition)) === 3);
  }

  proxy.hold(ApiKey.syncGroup);
  const between = await join(stream, 'a');
  const [moved] = between.assigned;
  expect(before).toContain(moved);
  await until('the first one has not heard', () => proxy.held === 1);
  await between.finishes(moved!, 5);
  await until('that is committed', async () => (await committed(stream, moved!)) === 6);
  await between.consumer.stop();
  // Now the group joins a second time, and the held request is refused.
  proxy.release();
  await until('the first one has it again', () => old.joins.length === 2);
  expect(old.assigned).toEqual(before);
  await old.consumer.commit();
  expect(await committed(stream, moved!)).toBe(6);
  await send(stream, 3, 1);
  await old.finishes(moved!, 6);
  await until('it goes on behind', async () => (await committed(stream, moved!)) === 7);
});

test.each([
  ['join', ApiKey.joinGroup],
  ['sync', ApiKey.syncGroup],
])(
  'a member that its group has removed joins again after its %s request has failed',
  async (_, apiKey) => {
    const { stream } = await world.stream({ partitions: 1 });
    await send(stream, 1, 3);
    const member = await join(stream, 'a', proxy);
    await member.finishes(0, 2);
    await until('it has committed', async () => (await committed(stream, 0)) === 3);
    proxy.hold(ApiKey.heartbeat);
    const size = () =>
      withAdmin(world.kafka(), async (admin) => {
        const { groups } = await admin.describeGroups([stream.groupId]);
        return groups[0]!.members.length;
      });
    await until('it is forgotten', async () => (await size()) === 0);
    proxy.cutNext(apiKey);
    proxy.release();
    await until('that has failed', () => proxy.cuts === 1);
    await until('it has joined', () => member.joins.length === 2);
    await send(stream, 1, 1);
    await member.finishes(0, 3);
    await until('it commits again', async () => (await committed(stream, 0)) === 4);
  },
);

const ids = Array.from({ length: 12 }, (_, i) => `m${i}`);
const faultsOf = (bridge: Service) => Object.values(bridge.faults()).join();
const noticesOf = (bridge: Service) => Object.values(bridge.notices!()).join();

test('a bridge worker without a partition is ready, and takes over when the other one ends', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const bridges = [await world.bridge(stream), await world.bridge(stream)];
  const spare = () => bridges.find((one) => noticesOf(one).includes('no partition is assigned'));
  await until('one of them stands by', () => spare() !== undefined);
  const standsBy = spare()!;
  await until('both are ready', () => bridges.every((one) => faultsOf(one) === ''));
  await bridges.find((one) => one !== standsBy)!.stop();
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  await until('it delivers', () => sink.objects.size === ids.length);
  expect([faultsOf(standsBy), noticesOf(standsBy)]).toEqual(['', '']);
});

describe('two streams in one consumer group', () => {
  /** kafkajs as in earlier versions of CloudSync: with its own assigner, and without the patch of fetches. */
  const asPublished = () => {
    const { Kafka: Published } = jest.requireActual<{ Kafka: new (settings: object) => Kafka }>(
      'kafkajs',
    );
    return new Published({ ...world.settings.kafka, logLevel: 0 });
  };
  const groupOf = async () => {
    const groupId = uniqueName('shared');
    const pair = [
      await world.stream({ groupId, partitions: 4 }),
      await world.stream({ groupId, partitions: 4 }),
    ] as const;
    for (const { stream } of pair) {
      const messages = ids.map((id, i) => ({ ...message(id), partition: i % 4 }));
      await world.send(stream.topic, messages);
    }
    return pair;
  };

  test('each deliver all of their own records', async () => {
    const pair = await groupOf();
    const bridges = await Promise.all(pair.map(({ stream }) => world.bridge(stream)));
    await until('both delivered', () => pair.every(({ sink }) => sink.objects.size === 12));
    // With twice as many members, each stream's partitions are still assigned to its own members.
    await Promise.all(pair.map(({ stream }) => world.bridge(stream)));
    for (const { stream } of pair) {
      const messages = ids.map((id, i) => ({ ...message(`${id}-later`), partition: i % 4 }));
      await world.send(stream.topic, messages);
    }
    await until('all delivered', () => pair.every(({ sink }) => sink.objects.size === 24));
    expect(bridges.map(faultsOf)).toEqual(['', '']);
  });

  test('report the partitions that nobody reads while the leader is of an earlier version', async () => {
    const [first, second] = await groupOf();
    // Earlier versions have kafkajs's own assigner.
    const { groupId, topic } = first.stream;
    const earlier = asPublished().consumer({ groupId, rebalanceTimeout: 2_000 });
    await earlier.connect();
    await earlier.subscribe({ topic });
    await earlier.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    try {
      const bridge = await world.bridge(second.stream);
      await until('it is not ready', () => faultsOf(bridge).includes('read by no member'));
      expect(faultsOf(bridge)).toContain(`of ${second.stream.topic}`);
      expect(faultsOf(bridge)).toContain(`${topic} too: give each stream a groupId of its own`);
      await earlier.disconnect();
      await until('it delivers', () => second.sink.objects.size === 12);
      await until('it is ready', () => faultsOf(bridge) === '');
    } finally {
      await earlier.disconnect();
    }
  });

  test('lose no record when a member of an earlier version joins', async () => {
    const [first, second] = await groupOf();
    const bridge = await world.bridge(first.stream);
    const { groupId, topic } = second.stream;
    const earlier = asPublished().consumer({ groupId, rebalanceTimeout: 2_000 });
    const seen = new Set<string>();
    await earlier.connect();
    try {
      await earlier.subscribe({ topic, fromBeginning: true });
      await earlier.run({
        autoCommit: false,
        eachMessage: ({ message: { key } }) => Promise.resolve(void seen.add(String(key))),
      });
      await until('both read all', () => seen.size === 12 && first.sink.objects.size === 12);
      expect(faultsOf(bridge)).toBe('');
    } finally {
      await earlier.disconnect();
    }
  });
});
