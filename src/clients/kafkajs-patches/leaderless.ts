import { KafkaJSError, type Kafka } from 'kafkajs';
import Broker from 'kafkajs/src/broker';
import type { Cluster, ClusterMetadata } from 'kafkajs/src/cluster';
import OffsetManager from 'kafkajs/src/consumer/offsetManager';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import response from 'kafkajs/src/protocol/requests/metadata/v6/response';
import { isOurs, withClusters } from './our-clusters';

/**
 * kafkajs takes one partition without a leader for an error of the whole answer (tulios/kafkajs#1520, #1769).
 * While a broker with the only replica of one partition is away, no consumer of the topic can join its
 * group, and no client can list the topics of the cluster. Here a consumer reads the other partitions, and
 * looks for a leader soon again. Others that ask for a topic by name still get the error: a command that
 * leaves a partition out would tell something wrong.
 */
const LOOK_AGAIN_MS = 2_000;

const { parse } = response;
response.parse = async (data) => {
  const withoutErrors = data.topicMetadata.map((topic) => ({
    ...topic,
    topicErrorCode: 0,
    partitionMetadata: topic.partitionMetadata.map((one) => ({ ...one, partitionErrorCode: 0 })),
  }));
  await parse({ ...data, topicMetadata: withoutErrors });
  return data;
};

/**
 * And kafkajs takes one topic that is gone or forbidden for an error of the whole answer. The producer of a process
 * then writes to none of its other topics that it does not know yet (tulios/kafkajs#1146).
 *
 * On a broker of a client that bears with either. Symbols of all copies of this file: a stream module may load
 * it once more.
 */
const patient = Symbol.for('cloudsync.leaderless');
const separate = Symbol.for('cloudsync.topicByTopic');
const broker = Broker.prototype;
const { metadata } = broker;
broker.metadata = async function (topics = []) {
  const answer = await metadata.call(this, topics);
  const wrong = wrongTopics(answer)[0];
  if (wrong && !(separate in this)) throw createErrorFromCode(wrong.topicErrorCode);
  const failed = leaderless(answer)[0];
  if (failed && topics.length > 0 && !(patient in this)) {
    throw createErrorFromCode(failed.partitionErrorCode);
  }
  return answer;
};

function wrongTopics({ topicMetadata }: ClusterMetadata) {
  return topicMetadata.filter(({ topicErrorCode }) => topicErrorCode !== 0);
}

function leaderless({ topicMetadata }: ClusterMetadata) {
  return topicMetadata.flatMap(({ partitionMetadata }) =>
    partitionMetadata.filter(({ partitionErrorCode }) => partitionErrorCode !== 0),
  );
}

/**
 * Where a partition without a leader begins, nobody can say, and a leader that can't be reached, or at whose address
 * another broker answers, does not say it. kafkajs asks all leaders at once and fails with the first of them.
 */
const offsets = OffsetManager.prototype;
const { resolveOffsets } = offsets;
offsets.resolveOffsets = async function () {
  if (!isOurs(this.cluster)) return resolveOffsets.call(this);
  const asked = await Promise.allSettled(
    assignmentByLeader(this).map((value) =>
      resolveOffsets.call(Object.create(this, { memberAssignment: { value } }) as OffsetManager),
    ),
  );
  const errors = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  const [first] = errors;
  if (!first) return;
  const final = errors.find((error) => !isRetriable(error));
  if (final) throw final;
  if (errors.length === asked.length) throw first;
  // The others are fetched meanwhile. The next fetch asks again.
  await this.cluster.refreshMetadata();
};

function isRetriable(error: Error): boolean {
  return error instanceof KafkaJSError && error.retriable;
}

/** For each leader the partitions of a member that it leads. */
function assignmentByLeader({ memberAssignment, cluster }: OffsetManager) {
  const topics = Object.keys(memberAssignment);
  const byLeader = new Map<number, Record<string, number[]>>();
  for (const topic of topics) {
    for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(topic)) {
      if (leader < 0 || !memberAssignment[topic]!.includes(partitionId)) continue;
      const led =
        byLeader.get(leader) ??
        Object.fromEntries(topics.map((one): [string, number[]] => [one, []]));
      led[topic]!.push(partitionId);
      byLeader.set(leader, led);
    }
  }
  return [...byLeader.values()];
}

/** The client, whose consumers and admins take metadata in which a partition has no leader. */
export function despiteLeaderless(kafka: Kafka): Kafka {
  return withClusters<Cluster>(kafka, ({ brokerPool: pool }) => {
    const { createBroker, refreshMetadata } = pool;
    pool.createBroker = (settings) => Object.assign(createBroker(settings), { [patient]: true });
    pool.refreshMetadata = async (topics) => {
      await refreshMetadata.call(pool, topics);
      // A cluster that is disconnected meanwhile has none.
      if (!pool.metadata || leaderless(pool.metadata).length === 0) return;
      pool.metadataExpireAt = Date.now() + LOOK_AGAIN_MS;
    };
  });
}

/**
 * The client, whose producers and readers go on with their other topics while one is gone or forbidden. Only what is
 * asked of that topic gets the broker's error.
 */
export function topicByTopic(kafka: Kafka): Kafka {
  return withClusters<Cluster>(kafka, (cluster) => {
    const { brokerPool: pool } = cluster;
    const { createBroker, refreshMetadata } = pool;
    pool.createBroker = (settings) => Object.assign(createBroker(settings), { [separate]: true });
    pool.refreshMetadata = async (topics) => {
      await refreshMetadata.call(pool, topics);
      if (!pool.metadata) return;
      // Who next names such a topic adds it, and so asks anew.
      for (const { topic } of wrongTopics(pool.metadata)) cluster.targetTopics.delete(topic);
    };
    const find = cluster.findTopicPartitionMetadata.bind(cluster);
    cluster.findTopicPartitionMetadata = (name) => {
      const wrong = pool.metadata && wrongTopics(pool.metadata).find(({ topic }) => topic === name);
      if (wrong) throw createErrorFromCode(wrong.topicErrorCode);
      return find(name);
    };
  });
}
