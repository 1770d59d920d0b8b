import type Broker from 'kafkajs/src/broker';
import type { Kafka } from './kafka';
import { createCluster } from './kafkajs-patches/our-clusters';

/** The used parts of kafkajs's own cluster. The public API of kafkajs gives clusters to consumers only. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: true }[],
  ): Promise<{ partitions: { offset: string }[] }[]>;
  findBroker(options: { nodeId: string }): Promise<Broker>;
}

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** A cluster with connections of its own, which are made when a topic is asked for. */
export interface ClusterConnections {
  cluster: Cluster;
  /** Connects if there is no connection yet, and makes the cluster know the topic. */
  knows(this: void, topic: string): Promise<void>;
  close(this: void): Promise<void>;
}

/** Makes a cluster that connects at the first call of `knows`. The cluster never creates a topic by accident. */
export function connectLater(kafka: Kafka): ClusterConnections {
  const cluster = createCluster<Cluster>(kafka, {
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    isolationLevel: READ_COMMITTED,
  });
  let connected: Promise<void> | undefined;
  return {
    cluster,
    async knows(topic) {
      connected ??= cluster.connect();
      try {
        await connected;
      } catch (error) {
        connected = undefined;
        throw error;
      }
      await cluster.addTargetTopic(topic);
    },
    async close() {
      if (connected) await cluster.disconnect();
    },
  };
}
