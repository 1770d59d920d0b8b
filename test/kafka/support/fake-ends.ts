import type { Kafka } from '../../../src/kafka/kafka';
import type { Cluster } from '../../../src/kafka/cluster';
import type { PartitionEnds } from '../../../src/kafka/offsets';

/** The part of a client that `topicEnds` uses: a cluster of one broker whose only topic has these ends. */
export function fakeEnds(ends: () => PartitionEnds[]): Kafka {
  const broker = {
    listOffsets: ({ isolationLevel, topics }: Parameters<Broker['listOffsets']>[0]) => {
      const [{ partitions }] = topics as [(typeof topics)[number]];
      const found = partitions.map(({ partition, timestamp }) => {
        const { low, stable, high } = ends().find((one) => one.partition === partition)!;
        const end = isolationLevel === 0 ? high : stable;
        return { partition, offset: String(timestamp === -2 ? low : end) };
      });
      return Promise.resolve({ responses: [{ partitions: found }] });
    },
  };
  const cluster = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    addTargetTopic: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    findTopicPartitionMetadata: () => ends().map(({ partition }) => ({ partitionId: partition })),
    findLeaderForPartitions: (_: string, partitions: number[]) => ({ '1': partitions }),
    findBroker: () => Promise.resolve(broker),
  };
  return { [Symbol('private:Kafka:createCluster')]: () => cluster } as unknown as Kafka;
}

type Broker = Awaited<ReturnType<Cluster['findBroker']>>;
