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
const { KafkaJSConnectionError } = jest.requireActual<{
  KafkaJSConnectionError: new (message: string) => Error;
}>('kafkajs');

/** Offsets of a member of a group that has committed nothing. Broker 1 leads partitions 0 and 2, broker 2 the other. */
function member(unreachable: number[]) {
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
      if (asked.some(({ partition }) => unreachable.includes(leaderOf(partition)))) {
        return Promise.reject(new KafkaJSConnectionError('refused'));
      }
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

test('a leader that can’t be reached holds up the beginning of its own partitions only', async () => {
  const { offsets, refreshes } = member([2]);
  await offsets.resolveOffsets();
  expect(offsets.committedOffsets()).toEqual({ t: { 0: '7', 2: '7' } });
  expect(refreshes()).toBe(1);
});

test('that no leader can be reached is an error', async () => {
  await expect(member([1, 2]).offsets.resolveOffsets()).rejects.toThrow('refused');
});
