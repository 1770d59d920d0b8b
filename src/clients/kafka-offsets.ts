import { setTimeout as sleep } from 'node:timers/promises';
import { isRetriableKafkaError, type Kafka } from './kafka';
import { connectLater, READ_COMMITTED, READ_UNCOMMITTED, type Cluster } from './kafka-cluster';
import { despiteLeaderless } from './kafkajs-patches/leaderless';

/** Where a partition begins and ends. Its records lie at `low <= offset < high`. */
export interface PartitionEnds {
  partition: number;
  low: number;
  /** The last stable offset: a reader of committed records reads what lies before it. */
  stable: number;
  /** The high watermark. It is above `stable` while a transaction is open. */
  high: number;
}

/** Timestamps by which ListOffsets asks for the ends of a partition. */
const EARLIEST = -2;
const LATEST = -1;

/** In the place of a leader's id. */
const NO_LEADER = '-1';

const TRIES = 5;
const FIRST_PAUSE_MS = 200;

/**
 * Asks for the ends of every partition, by the number of the partition. kafkajs's own admin client gives
 * the last stable offset alone and calls it `high`. Throws when the topic does not exist.
 */
export async function topicEnds(kafka: Kafka, topic: string): Promise<PartitionEnds[]> {
  const offsets = createOffsetReader(kafka);
  try {
    return await offsets.ends(topic);
  } finally {
    await offsets.close();
  }
}

/** Keeps its connections, for a caller that asks again and again. */
export interface OffsetReader {
  ends(topic: string): Promise<PartitionEnds[]>;
  close(): Promise<void>;
}

/** Partitions without a leader are an error of the whole answer, unless `leaderless` leaves them out of it. */
export function createOffsetReader(kafka: Kafka, { leaderless = false } = {}): OffsetReader {
  const { cluster, knows, close } = connectLater(leaderless ? despiteLeaderless(kafka) : kafka);
  return {
    async ends(topic) {
      await knows(topic);
      await cluster.refreshMetadataIfNecessary();
      for (let tried = 1; ; tried++) {
        try {
          return await endsOf(cluster, topic);
        } catch (error) {
          // Leaders move and connections break. Another look at the metadata finds the new leader.
          if (!isRetriableKafkaError(error) || tried === TRIES) throw error;
          await sleep(FIRST_PAUSE_MS * 2 ** (tried - 1));
          await cluster.refreshMetadata();
        }
      }
    },
    close,
  };
}

async function endsOf(cluster: Cluster, topic: string): Promise<PartitionEnds[]> {
  const all = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
  const leaders = Object.entries(cluster.findLeaderForPartitions(topic, all)).filter(
    ([nodeId]) => nodeId !== NO_LEADER,
  );
  const ends = await Promise.all(
    leaders.map(async ([nodeId, partitions]) => {
      const broker = await cluster.findBroker({ nodeId });
      const list = async (timestamp: number, isolationLevel: number) => {
        const { responses } = await broker.listOffsets({
          isolationLevel,
          topics: [
            { topic, partitions: partitions.map((partition) => ({ partition, timestamp })) },
          ],
        });
        const found = responses.flatMap((response) => response.partitions);
        return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
      };
      // In this order, as each end only grows: low <= stable <= high holds for what is returned.
      const low = await list(EARLIEST, READ_UNCOMMITTED);
      const stable = await list(LATEST, READ_COMMITTED);
      const high = await list(LATEST, READ_UNCOMMITTED);
      return partitions.map((partition) => ({
        partition,
        low: low.get(partition)!,
        stable: stable.get(partition)!,
        high: high.get(partition)!,
      }));
    }),
  );
  return ends.flat().sort((a, b) => a.partition - b.partition);
}
