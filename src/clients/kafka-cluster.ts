import type Broker from 'kafkajs/src/broker';
import type { Kafka } from './kafka';
import { createCluster as createOurCluster } from './kafkajs-patches/our-clusters';

/** What is used of kafkajs's own cluster, which its public API gives to consumers only. */
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

/** A cluster of its own connections. It never creates a topic by accident. */
export function createCluster(kafka: Kafka): Cluster {
  return createOurCluster<Cluster>(kafka, {
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    isolationLevel: READ_COMMITTED,
  });
}
