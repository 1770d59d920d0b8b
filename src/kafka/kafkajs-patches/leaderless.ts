import type { Kafka } from 'kafkajs';
import Broker from 'kafkajs/src/broker';
import type { Cluster, ClusterMetadata } from 'kafkajs/src/cluster';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import response from 'kafkajs/src/protocol/requests/metadata/v6/response';
import { withClusters } from './our-clusters';

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
  if (separate in this) return answer;
  const wrong = answer.topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
  if (wrong) throw createErrorFromCode(wrong.topicErrorCode);
  const failed = leaderless(answer)[0];
  if (failed && topics.length > 0 && !(patient in this)) {
    throw createErrorFromCode(failed.partitionErrorCode);
  }
  return answer;
};

function leaderless({ topicMetadata }: ClusterMetadata) {
  return topicMetadata.flatMap(({ partitionMetadata }) =>
    partitionMetadata.filter(({ partitionErrorCode }) => partitionErrorCode !== 0),
  );
}

/** Topics that are gone or forbidden, or have a partition without a leader. */
function wrongTopics({ topicMetadata }: ClusterMetadata) {
  return topicMetadata.flatMap((one) => {
    const code = one.topicErrorCode || leaderless({ topicMetadata: [one] })[0]?.partitionErrorCode;
    return code ? [{ topic: one.topic, code }] : [];
  });
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
 * The client, whose producers and readers go on with their other topics while one is gone or forbidden, or has a
 * partition without a leader. Only what is asked of that topic gets the broker's error.
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
      if (wrong) throw createErrorFromCode(wrong.code);
      return find(name);
    };
  });
}
