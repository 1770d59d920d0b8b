import type { Kafka } from 'kafkajs';
import Broker from 'kafkajs/src/broker';
import type { Cluster, ClusterMetadata } from 'kafkajs/src/cluster';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import response from 'kafkajs/src/protocol/requests/metadata/v6/response';
import { withClusters } from './our-clusters';

/**
 * Lets a consumer read a topic while one of its partitions has no leader. kafkajs takes such a partition for an
 * error of the whole answer (tulios/kafkajs#1520, #1769). An example is a partition whose only replica is on a
 * broker that is away. No consumer of the topic can then join its group, and no client can list the topics of the
 * cluster. A patched consumer reads the other partitions, and looks for a leader again after 2 s. Other clients
 * that ask for a topic by name still get the error: a command that skips a partition would report something wrong.
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
 * kafkajs also takes one topic that is gone or forbidden for an error of the whole answer. A process's producer then
 * can't write to any other topic that the producer does not know yet (tulios/kafkajs#1146).
 *
 * The symbols mark the brokers of clients that bear with such answers: `patient` those of `despiteLeaderless`,
 * `separate` those of `topicByTopic`. All copies of this file share the symbols, because a stream module may load
 * another copy.
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

/** A client like `kafka`, whose consumers and admins accept metadata in which a partition has no leader. */
export function despiteLeaderless(kafka: Kafka): Kafka {
  return withClusters<Cluster>(kafka, ({ brokerPool: pool }) => {
    const { createBroker, refreshMetadata } = pool;
    pool.createBroker = (settings) => Object.assign(createBroker(settings), { [patient]: true });
    pool.refreshMetadata = async (topics) => {
      await refreshMetadata.call(pool, topics);
      // A cluster that was disconnected in the meantime has no metadata.
      if (!pool.metadata || leaderless(pool.metadata).length === 0) return;
      pool.metadataExpireAt = Date.now() + LOOK_AGAIN_MS;
    };
  });
}

/**
 * A client like `kafka`, whose producers and readers tolerate a topic that is gone or forbidden, or has a partition
 * without a leader. They continue with their other topics. Only calls for that topic get the broker's error.
 */
export function topicByTopic(kafka: Kafka): Kafka {
  return withClusters<Cluster>(kafka, (cluster) => {
    const { brokerPool: pool } = cluster;
    const { createBroker, refreshMetadata } = pool;
    pool.createBroker = (settings) => Object.assign(createBroker(settings), { [separate]: true });
    pool.refreshMetadata = async (topics) => {
      await refreshMetadata.call(pool, topics);
      if (!pool.metadata) return;
      // The next call that names such a topic adds the topic again, and so asks for fresh metadata.
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
