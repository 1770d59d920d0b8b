import pino from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import { fetchBatches, knownLogs } from '../../../src/kafka/fetch/consumer-fetch';
import { createCluster } from '../../../src/kafka/kafkajs-patches/our-clusters';

type Group = Parameters<typeof fetchBatches>[0];
type New<T> = new (options: object) => T;
const ConsumerGroup = jest.requireActual<New<Group>>('kafkajs/src/consumer/consumerGroup');
const OffsetManager = jest.requireActual<New<Group['offsetManager']>>(
  'kafkajs/src/consumer/offsetManager',
);
type ErrorClass = new (message: string) => Error;
const { KafkaJSConnectionError, KafkaJSNonRetriableError } = jest.requireActual<{
  KafkaJSConnectionError: ErrorClass;
  KafkaJSNonRetriableError: ErrorClass;
}>('kafkajs');

/** A broker's answer to the request for the first offsets of its partitions. */
type Answer = () => Promise<string>;

/** A group member without commits, which fetches nothing. Broker 1 leads partitions 0 and 2, broker 2 leads the other. */
function member(answers: Record<number, Answer>) {
  const settings = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false };
  const cluster = createCluster<object>(createKafka(settings, pino({ level: 'silent' })), {});
  let refreshes = 0;
  const leaderOf = (partition: number) => (partition === 1 ? 2 : 1);
  type Asked = { topic: string; partitions: { partition: number }[] }[];
  const offsetFetch = ({ topics }: { topics: Asked }) =>
    Promise.resolve({
      responses: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({ partition, offset: '-1' })),
      })),
    });
  Object.assign(cluster, {
    refreshMetadata: () => Promise.resolve(refreshes++),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    findTopicPartitionMetadata: () =>
      [0, 1, 2].map((partitionId) => ({ partitionId, leader: leaderOf(partitionId) })),
    fetchTopicsOffset: (topics: Asked) =>
      Promise.all(
        topics.map(async ({ topic, partitions }) => ({
          topic,
          partitions: await Promise.all(
            partitions.map(async ({ partition }) => ({
              partition,
              offset: await answers[leaderOf(partition)]!(),
            })),
          ),
        })),
      ),
  });
  const logger = { namespace: () => ({ debug: () => undefined }) };
  const group = new ConsumerGroup({ cluster, logger, maxWaitTimeInMs: 1, topics: ['t'] });
  group.offsetManager = new OffsetManager({
    ...{ cluster, groupId: 'g', autoCommit: false, memberAssignment: { t: [0, 1, 2] } },
    ...{ topicConfigurations: { t: { fromBeginning: true } } },
    coordinator: { isConnected: () => true, offsetFetch },
  });
  group.checkForStaleAssignment = () => undefined;
  Object.assign(group.subscriptionState, {
    assigned: () => [{ topic: 't', partitions: [0, 1, 2] }],
    active: () => [],
  });
  group.joinAndSync = () => Promise.reject(new Error('joins again'));
  return { group, refreshes: () => refreshes };
}

const refused = () => Promise.reject(new KafkaJSConnectionError('refused'));
const hangs = () => new Promise<string>(() => undefined);
const answers = () => Promise.resolve('7');

test('a leader that does not answer delays only its own partitions', async () => {
  const { group } = member({ 1: answers, 2: hangs });
  void fetchBatches(group, '2');
  expect(await fetchBatches(group, '1')).toEqual([]);
  expect(group.offsetManager.committedOffsets()).toEqual({ t: { 0: '7', 2: '7' } });
});

test('a leader that can not be reached delays the first offsets of its own partitions only', async () => {
  const { group, refreshes } = member({ 1: answers, 2: refused });
  expect(await fetchBatches(group, '1')).toEqual([]);
  expect(refreshes()).toBe(0);
  expect(await fetchBatches(group, '2')).toEqual([]);
  expect(refreshes()).toBe(1);
  expect(group.offsetManager.committedOffsets()).toEqual({ t: { 0: '7', 2: '7' } });
});

test('a final error is thrown', async () => {
  const forbidden = () => Promise.reject(new KafkaJSNonRetriableError('forbidden'));
  const { group } = member({ 1: forbidden, 2: answers });
  await expect(fetchBatches(group, '1')).rejects.toThrow('forbidden');
  expect(await fetchBatches(group, '2')).toEqual([]);
});

test('a seek that no fetch has used before the next join is dropped', async () => {
  const { group } = member({ 1: answers, 2: answers });
  await fetchBatches(group, '1');
  const seek = () => group.seekOffset.set('t', 0, '3');
  const next = () => String(group.offsetManager.nextOffset('t', 0));
  seek();
  const { offsetManager } = group;
  // kafkajs makes a new offset manager at each join.
  group.offsetManager = Object.create(offsetManager) as Group['offsetManager'];
  await fetchBatches(group, '1');
  expect(next()).toBe('7');
  seek();
  await fetchBatches(group, '1');
  expect(next()).toBe('3');
});

test('a seek before the first fetch is used', async () => {
  const { group } = member({ 1: answers, 2: answers });
  group.seekOffset.set('t', 0, '3');
  await fetchBatches(group, '1');
  expect(String(group.offsetManager.nextOffset('t', 0))).toBe('3');
});

test('a consumer that fetches by topic id continues at a broker that does not support topic ids', async () => {
  const { group } = member({ 1: answers, 2: answers });
  knownLogs.set(group.cluster, () => ({ topicId: 'known', lastEpoch: 3 }));
  const asked: string[] = [];
  answerFetches(group, ({ topics }) => {
    asked.push(...topics.map(({ topic }) => topic));
    return [];
  });
  expect(await fetchBatches(group, '1')).toEqual([]);
  expect(asked).toEqual(['t']);
});

const beginning = Buffer.alloc(20);
beginning.writeInt32BE(100, 8);

test.each([
  [Buffer.alloc(5), 'the broker returns only 5 bytes of a batch, less than its header'],
  [beginning, 'the broker returns 20 of the 112 bytes of a batch'],
])(
  'a batch that the broker cuts off in a fetch of its own has a fault (%#)',
  async (bytes, fault) => {
    const { group } = member({ 1: answers, 2: answers });
    const whole = { errorCode: 0, preferredReadReplica: -1, divergence: undefined };
    answerFetches(group, () => [{ topic: 't', partition: 0, bytes, ...whole }]);
    // Beside other partitions a batch may be cut off.
    expect(await fetchBatches(group, '1')).toEqual([]);
    expect(await fetchBatches(group, '1')).toMatchObject([{ failure: fault }]);
  },
);

/** Lets a member fetch its partitions 0 and 2 from a broker that answers with these partitions. */
function answerFetches(
  group: Group,
  answer: (request: { topics: { topic: string }[] }) => object[],
): void {
  Object.assign(group.subscriptionState, { active: () => [{ topic: 't', partitions: [0, 2] }] });
  const broker = {
    versions: {},
    lookupRequest: () => (request: object) => ({ request: { apiVersion: 11, ...request } }),
    connectionPool: {
      send: ({ request }: { request: { topics: { topic: string }[] } }) =>
        Promise.resolve({ partitions: answer(request) }),
    },
  };
  Object.assign(group.cluster, { findBroker: () => Promise.resolve(broker) });
}
