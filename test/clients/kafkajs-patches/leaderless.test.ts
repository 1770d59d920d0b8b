import pino from 'pino';
import { createKafka } from '../../../src/clients/kafka';
import { createCluster } from '../../../src/clients/kafkajs-patches/our-clusters';

interface Offsets {
  resolveOffsets(): Promise<void>;
  committedOffsets(): Record<string, Record<number, string>>;
}
const OffsetManager = jest.requireActual<new (options: object) => Offsets>(
  'kafkajs/src/consumer/offsetManager',
);
type ErrorClass = new (message: string) => Error;
const { KafkaJSConnectionError, KafkaJSNonRetriableError } = jest.requireActual<{
  KafkaJSConnectionError: ErrorClass;
  KafkaJSNonRetriableError: ErrorClass;
}>('kafkajs');

/** Offsets of a member of a group that has committed nothing. Broker 1 leads partitions 0 and 2, broker 2 the other. */
function member(unreachable: Record<number, Error>) {
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
    findTopicPartitionMetadata: () =>
      [0, 1, 2].map((partitionId) => ({ partitionId, leader: leaderOf(partitionId) })),
    fetchTopicsOffset: (topics: Asked) => {
      const asked = topics.flatMap(({ partitions }) => partitions);
      const errors = asked.map(({ partition }) => unreachable[leaderOf(partition)]);
      const error = errors.find((one) => one !== undefined);
      if (error) return Promise.reject(error);
      return Promise.resolve(
        topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => ({ partition, offset: '7' })),
        })),
      );
    },
  });
  const offsets = new OffsetManager({
    ...{ cluster, groupId: 'g', memberAssignment: { t: [0, 1, 2] } },
    ...{ topicConfigurations: { t: { fromBeginning: true } } },
    coordinator: { isConnected: () => true, offsetFetch },
  });
  return { offsets, refreshes: () => refreshes };
}

const refused = new KafkaJSConnectionError('refused');

test('a leader that can’t be reached holds up the beginning of its own partitions only', async () => {
  const { offsets, refreshes } = member({ 2: refused });
  await offsets.resolveOffsets();
  expect(offsets.committedOffsets()).toEqual({ t: { 0: '7', 2: '7' } });
  expect(refreshes()).toBe(1);
});

test('that no leader can be reached is an error', async () => {
  const { offsets } = member({ 1: refused, 2: refused });
  await expect(offsets.resolveOffsets()).rejects.toThrow('refused');
});

test('an error that no other try mends is told, whatever other leaders fail with', async () => {
  const { offsets } = member({ 1: refused, 2: new KafkaJSNonRetriableError('forbidden') });
  await expect(offsets.resolveOffsets()).rejects.toThrow('forbidden');
});
