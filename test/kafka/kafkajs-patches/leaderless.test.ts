import type { Kafka } from 'kafkajs';
import type { Cluster, ClusterMetadata } from 'kafkajs/src/cluster';
import pino from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import { despiteLeaderless, topicByTopic } from '../../../src/kafka/kafkajs-patches/leaderless';
import { createCluster } from '../../../src/kafka/kafkajs-patches/our-clusters';

const LEADER_NOT_AVAILABLE = 5;

/** A cluster of one broker with two topics: `whole`, and `broken`, whose second partition has no leader. */
function clusterOf(patch: (kafka: Kafka) => Kafka) {
  const settings = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false };
  const kafka = createKafka(settings, pino({ level: 'silent' }), { retries: 0 });
  const cluster = createCluster<Cluster>(patch(kafka), {});
  const topic = (name: string, ...codes: number[]): ClusterMetadata['topicMetadata'][number] => ({
    topicErrorCode: 0,
    topic: name,
    partitionMetadata: codes.map((partitionErrorCode, partitionId) => ({
      ...{ partitionErrorCode, partitionId, leader: partitionErrorCode === 0 ? 1 : -1 },
    })),
  });
  const address = { host: '127.0.0.1', port: 1 };
  const answer = {
    brokers: [{ nodeId: 1, ...address }],
    topicMetadata: [topic('whole', 0), topic('broken', 0, LEADER_NOT_AVAILABLE)],
  };
  const connectionPool = {
    ...{ ...address, connectionTimeout: 1_000, pool: [] },
    isConnected: () => true,
    send: () => Promise.resolve(answer),
  };
  const { brokerPool: pool } = cluster;
  const logger = { namespace: () => ({}) };
  const broker = pool.createBroker({ connectionPool, logger, nodeId: 1 });
  broker.lookupRequest = () => () => ({ request: { apiVersion: 6 }, requestTimeout: 1_000 });
  Object.assign(pool, { seedBroker: broker, brokers: { 1: broker } });
  for (const name of ['whole', 'broken']) cluster.targetTopics.add(name);
  return cluster;
}

test('only the topic without a leader is refused when a client asks for several topics', async () => {
  const cluster = clusterOf(topicByTopic);
  await cluster.refreshMetadata();
  expect(cluster.findTopicPartitionMetadata('whole')).toHaveLength(1);
  expect(() => cluster.findTopicPartitionMetadata('broken')).toThrow('There is no leader');
  // The next caller that names `broken` asks the broker again.
  expect([...cluster.targetTopics]).toEqual(['whole']);
});

test('the whole answer is an error for an unpatched client if one topic has no leader', async () => {
  await expect(clusterOf((kafka) => kafka).refreshMetadata()).rejects.toThrow();
});

test('a consumer reads the partitions that have a leader', async () => {
  const cluster = clusterOf(despiteLeaderless);
  await cluster.refreshMetadata();
  expect(cluster.findTopicPartitionMetadata('broken')).toHaveLength(2);
  expect(cluster.targetTopics.size).toBe(2);
});
