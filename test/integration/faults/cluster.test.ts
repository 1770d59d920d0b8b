import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaErrorType, withAdmin, type Admin } from '../../../src/kafka/kafka';
import { topicEnds } from '../../../src/kafka/offsets';
import { createProducer } from '../../../src/kafka/producer/producer';
import { createRecordReader } from '../../../src/kafka/reader';
import { DeliveryError } from '../../../src/domain/errors';
import { messageSchema } from '../../../src/domain/record/message';
import { defineStream } from '../../../src/domain/stream/stream';
import { groupProgress } from '../../../src/operations/status/status-progress';
import { createTopics, requireTopics } from '../../../src/operations/topics';
import { KafkaCluster } from '../support/kafka-cluster';
import { MemorySink } from '../support/memory-sink';
import { message, uniqueName, until, World } from '../support/world';

jest.setTimeout(300_000);

const RIGHTS_CAN_BE_TAKEN = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
};

let directory: string;
let cluster: KafkaCluster;
let world: World;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-cluster-'));
  cluster = await KafkaCluster.start(directory, { settings: RIGHTS_CAN_BE_TAKEN });
});
afterAll(async () => {
  await cluster.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => (world = worldOf(cluster.brokers)));
afterEach(() => world.close());

function worldOf(brokers: string[]): World {
  const { TEMPORAL_ADDRESS } = process.env;
  return new World({ KAFKA_BROKERS: brokers.join(), TEMPORAL_ADDRESS });
}

const messages = (from: number, to: number, partition: number) =>
  Array.from({ length: to - from }, (_, i) => ({ ...message(`m${from + i}`), partition }));

/** A stream with topics on several brokers. */
async function replicated(
  partitions: number,
  replicationFactor = 3,
  lane: 'record' | 'chunk' = 'record',
) {
  const sink = new MemorySink();
  const name = uniqueName('t');
  const retry = { fastAttempts: 2, maximumAttempts: 4, initialIntervalMs: 200 };
  const stream = defineStream({
    name,
    topic: name,
    schema: messageSchema,
    sink,
    retry,
    execution: { lane },
  });
  await createTopics(world.kafka(), [stream], { partitions, replicationFactor, dryRun: false });
  return { stream, sink };
}

/** The leader of each partition as the world `through` sees it, or -1. */
async function leaders(topic: string, through = world): Promise<number[]> {
  const { topics } = await withAdmin(through.kafka(), (admin) =>
    admin.fetchTopicMetadata({ topics: [topic] }),
  );
  const partitions = topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId);
  return partitions.map(({ leader }) => leader);
}

/** The brokers that have partition 0. */
const replicas = async (topic: string) => (await firstPartition(topic)).replicas;
/** The brokers that have all of partition 0. */
const inSync = async (topic: string) => (await firstPartition(topic)).isr;

async function firstPartition(topic: string) {
  const { topics } = await withAdmin(world.kafka(), (admin) =>
    admin.fetchTopicMetadata({ topics: [topic] }),
  );
  return topics[0]!.partitions[0]!;
}

async function untilLeaderless(topic: string): Promise<void> {
  await until('a partition has no leader', () =>
    leaders(topic).then(
      () => false,
      (error: Error) => error.message.includes('no leader'),
    ),
  );
}

describe('while one of three partitions has no leader', () => {
  test('a bridge worker starts, a second one joins, and both deliver the other partitions', async () => {
    const { stream, sink } = await world.stream({ partitions: 3 });
    const [first, second, third] = await leaders(stream.topic);
    expect(new Set([first, second, third]).size).toBe(3);
    const all = [...messages(0, 3, 0), ...messages(3, 6, 1), ...messages(6, 9, 2)];
    await world.send(stream.topic, all);
    await cluster.killNode(third!);
    try {
      await untilLeaderless(stream.topic);
      await requireTopics(world.kafka(), [stream.topic]);
      const { metrics } = await world.bridge(stream);
      await until('the others are delivered', () => sink.objects.size === 6);
      await until('the lag of the others is known', async () => {
        const { values } = await metrics.consumerLag.get();
        const known = values.map(({ labels, value }) => `${String(labels.partition)}: ${value}`);
        return known.sort().join() === '0: 0,1: 0';
      });
      const bridge = await world.bridge(stream);
      await until('it joins', () => Object.keys(bridge.faults()).length === 0);
      await world.send(stream.topic, [...messages(10, 13, 0), ...messages(13, 16, 1)]);
      await until('the others are delivered', () => sink.objects.size === 12);
    } finally {
      await cluster.startNode(third!);
    }
    await until('all are delivered', () => sink.objects.size === 15);
    await until('all are committed', async () => (await world.lag(stream)) === 0);
  });
});

test('partitions of a hanging coordinator are delivered as soon as other brokers lead them', async () => {
  const { stream, sink } = await replicated(3);
  await world.bridge(stream);
  const all = [...messages(0, 3, 0), ...messages(3, 6, 1), ...messages(6, 9, 2)];
  await world.send(stream.topic, all);
  await until('it consumes', () => sink.objects.size === 9);
  const hangs = (await leaders('__consumer_offsets'))[0]!;
  cluster.freezeNode(hangs);
  const healthy = worldOf(cluster.brokers.filter((_, i) => i + 1 !== hangs));
  try {
    await until('others lead', async () => !(await leaders(stream.topic, healthy)).includes(hangs));
    const more = [...messages(10, 13, 0), ...messages(13, 16, 1), ...messages(16, 19, 2)];
    await healthy.send(stream.topic, more);
    await until('all are delivered', () => sink.objects.size === 18, 150_000);
  } finally {
    cluster.thawNode(hangs);
    await healthy.close();
  }
});

test('a rolling restart of the brokers loses no record', async () => {
  const { stream, sink } = await replicated(3);
  await world.bridge(stream);
  let sent = 0;
  let stop = false;
  const load = (async () => {
    while (!stop) {
      await world.send(stream.topic, [message(`m${sent}`)]);
      sent++;
    }
  })();
  for (const id of [1, 2, 3]) {
    await cluster.stopNode(id);
    await cluster.startNode(id);
  }
  stop = true;
  await load;
  await until('all are delivered', () => sink.objects.size === sent, 120_000);
  await until('all are committed', async () => (await world.lag(stream)) === 0);
  expect(sent).toBeGreaterThan(100);
});

test('a dead letter is written as soon as enough replicas are in sync', async () => {
  const { stream, sink } = await replicated(1);
  await world.setTopicConfig(stream.deadLetterTopic, 'min.insync.replicas', '3');
  sink.before = () => {
    throw new DeliveryError('Permanent', 'never');
  };
  const [leader] = await leaders(stream.deadLetterTopic);
  const gone = [1, 2, 3].find((id) => id !== leader)!;
  await cluster.killNode(gone);
  try {
    await world.bridge(stream);
    await world.send(stream.topic, messages(0, 1, 0));
    await until('it is tried', () => sink.attemptsOf('m0') > 0);
  } finally {
    await cluster.startNode(gone);
  }
  await until(
    'it is written',
    async () => (await world.records(stream.deadLetterTopic)).length === 1,
    120_000,
  );
});

test('the totals of a partition are kept when its offset is out of range', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const bridge = await world.bridge(stream);
  await world.send(stream.topic, messages(0, 3, 0));
  await until('they are delivered', () => sink.objects.size === 3);
  await until('all are committed', async () => (await world.lag(stream)) === 0);
  await bridge.stop();
  const before = await groupProgress(world.kafka(), stream);
  expect(before.totals).toMatchObject({ checked: 3 });
  await world.send(stream.topic, messages(3, 5, 0));
  await world.deleteRecords(stream.topic, 0, 5);
  await world.bridge(stream);
  await until('it begins again', () =>
    withAdmin(world.kafka(), async (admin) => {
      const [group] = await admin.fetchOffsets({ ...stream, topics: [stream.topic] });
      return group!.partitions[0]!.offset === '-2';
    }),
  );
  expect((await groupProgress(world.kafka(), stream)).totals).toEqual(before.totals);
});

test.each(['forbidden', 'deleted'])(
  'producer and reader still work on other topics when one is %s',
  async (how) => {
    const [one, other] = [await world.stream(), await world.stream()].map(({ stream }) => stream);
    await world.send(other!.topic, messages(0, 1, 0));
    const producer = createProducer(world.kafka(), { tries: 1 });
    const reader = createRecordReader(world.kafka());
    const send = (topic: string) => producer.send({ topic, messages: messages(0, 1, 0) });
    const read = async (topic: string) => {
      for await (const { offset } of reader.read(topic, 0, 0, 1)) return offset;
      return undefined;
    };
    await producer.connect();
    try {
      await send(one!.topic);
      expect(await read(one!.topic)).toBe(0);
      const ALL = 2;
      const right = { ...denied('topic', one!.topic), operation: ALL };
      await withAdmin(world.kafka(), async (admin) => {
        if (how === 'deleted') await admin.deleteTopics({ topics: [one!.topic] });
        else await admin.createAcls({ acl: [right] });
      });
      const error = how === 'deleted' ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'TOPIC_AUTHORIZATION_FAILED';
      const refused = (use: Promise<unknown>) =>
        use.then(
          () => false,
          (reason: unknown) => kafkaErrorType(reason) === error,
        );
      await until('both are refused', async () => {
        return (await refused(send(one!.topic))) && (await refused(read(one!.topic)));
      });
      await send(other!.topic);
      expect(await read(other!.topic)).toBe(0);
      // The topic is created again.
      if (how === 'deleted') await world.createTopics(one!);
      else await withAdmin(world.kafka(), (admin) => admin.deleteAcls({ filters: [right] }));
      await until('it is taken', async () => !(await refused(send(one!.topic))));
    } finally {
      await producer.disconnect();
      await reader.close();
    }
  },
);

describe.each(['record', 'chunk'] as const)('in the %s lane', (lane) => {
  test.each([
    ['no bridge worker runs', false],
    ['a bridge worker runs', true],
  ])(
    'a log that loses its end while %s, and grows again, is delivered completely',
    async (_, runs) => {
      const { stream, sink } = await replicated(1, 2, lane);
      const survivors = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' };
      await world.setTopicConfigs(stream.topic, survivors);
      const ids = (from: number, to: number) => messages(from, to, 0).map(({ key }) => key);
      const delivered = (wanted: string[]) => () => wanted.every((id) => sink.objects.has(id));
      const bridge = await world.bridge(stream);
      await world.send(stream.topic, messages(0, 10, 0));
      await until('all are delivered', delivered(ids(0, 10)));
      const [leader] = await leaders(stream.topic);
      const follower = (await replicas(stream.topic)).find((id) => id !== leader)!;
      await cluster.killNode(follower);
      await until('it is out of sync', async () => (await inSync(stream.topic)).length === 1);
      await world.send(stream.topic, messages(10, 30, 0));
      await until('all are delivered', delivered(ids(10, 30)));
      await until('all are committed', async () => (await world.lag(stream)) === 0);
      if (!runs) await bridge.stop();
      await cluster.killNode(leader!);
      await cluster.startNode(follower);
      const led = async () => (await leaders(stream.topic))[0] === follower;
      await until('it leads', () => led().catch(() => false));
      await world.send(stream.topic, messages(30, 55, 0));
      const [end] = await topicEnds(world.kafka(), stream.topic);
      expect(end!.high).toBe(35);
      await cluster.startNode(leader!);
      if (!runs) await world.bridge(stream);
      // The records that the log has lost were delivered before.
      await until('all are delivered', delivered(ids(0, 55)), 30_000);
      await until('all are committed', async () => (await world.lag(stream)) === 0);
    },
  );
});

test.each(['topic', 'group'] as const)(
  'only the stream whose right on its %s is missing waits until it is restored',
  async (kind) => {
    const [one, other] = [await world.stream({ partitions: 1 }), await world.stream()];
    const bridge = await world.bridge(one.stream, other.stream);
    let ended: unknown;
    bridge.ended.catch((error: unknown) => (ended = error));
    for (const { stream } of [one, other]) await world.send(stream.topic, [message('before')]);
    const consumed = () => [one, other].map(({ sink }) => sink.objects.size);
    await until('both consume', () => String(consumed()) === '1,1');
    const right = denied(kind, kind === 'topic' ? one.stream.topic : one.stream.groupId);
    await withAdmin(world.kafka(), (admin) => admin.createAcls({ acl: [right] }));
    const missing = new RegExp(`${one.stream.name}.*${kind.toUpperCase()}_AUTHORIZATION_FAILED`);
    await until('the missing right is told', () =>
      missing.test(JSON.stringify({ ...bridge.faults(), ...bridge.notices?.() })),
    );
    await world.send(other.stream.topic, [message('meanwhile')]);
    await until('the other consumes', () => other.sink.objects.size === 2);
    await withAdmin(world.kafka(), (admin) => admin.deleteAcls({ filters: [right] }));
    const sent = () => world.send(one.stream.topic, [message('after')]).then(() => true);
    await until('every broker has heard of it', () => sent().catch(() => false));
    await until('it goes on', () => one.sink.objects.size === 2 || ended !== undefined);
    expect(ended).toBeUndefined();
  },
);

type Acl = Parameters<Admin['createAcls']>[0]['acl'][number];

/** Kafka's rule that forbids everybody to read this topic or group. */
function denied(kind: 'topic' | 'group', resourceName: string): Acl {
  const [TOPIC, GROUP, LITERAL, READ, DENY] = [2, 3, 3, 3, 2];
  const resourceType = kind === 'topic' ? TOPIC : GROUP;
  const whom = { principal: 'User:*', host: '*', operation: READ, permissionType: DENY };
  return { resourceType, resourceName, resourcePatternType: LITERAL, ...whom };
}
