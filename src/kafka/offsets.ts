import { setTimeout as sleep } from 'node:timers/promises';
import { isRetriableKafkaError, type Kafka } from './kafka';
import { connectLater, READ_COMMITTED, READ_UNCOMMITTED, type Cluster } from './cluster';
import { despiteLeaderless } from './kafkajs-patches/leaderless';

/** Where a partition begins and ends. The offsets of its records are `low <= offset < high`. */
export interface PartitionEnds {
  partition: number;
  low: number;
  /** The last stable offset: a reader of committed records reads the records below it. */
  stable: number;
  /** The high watermark. It is above `stable` while a transaction is open. */
  high: number;
}

/** Timestamps by which ListOffsets asks for the ends of a partition. */
const EARLIEST = -2;
const LATEST = -1;

/** Stands in kafkajs's list of leaders for the partitions that have none. */
const NO_LEADER = '-1';

const TRIES = 5;
const FIRST_PAUSE_MS = 200;

/**
 * Asks for the ends of every partition, and returns them by ascending partition. kafkajs's own admin client returns
 * only the last stable offset, and calls it `high`. Throws if the topic does not exist.
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

/**
 * `ends` throws unless every partition of the topic answers. With `partial` it skips partitions that have no
 * leader, or whose leader can't be asked. It then throws only if there are leaders and none of them can be asked.
 */
export function createOffsetReader(kafka: Kafka, { partial = false } = {}): OffsetReader {
  const { cluster, knows, close } = connectLater(partial ? despiteLeaderless(kafka) : kafka);
  return {
    async ends(topic) {
      await knows(topic);
      await cluster.refreshMetadataIfNecessary();
      for (let tried = 1; ; tried++) {
        const { ends, error } = await endsOf(cluster, topic);
        if (error === undefined) return ends;
        // Leaders move and connections break. Fresh metadata names the new leaders.
        if (!isRetriableKafkaError(error) || tried === TRIES) throw error;
        await cluster.refreshMetadata();
        if (partial && ends.length > 0) return ends;
        await sleep(FIRST_PAUSE_MS * 2 ** (tried - 1));
      }
    },
    close,
  };
}

/** The ends that leaders have answered, and the first error of a leader that has not. */
async function endsOf(
  cluster: Cluster,
  topic: string,
): Promise<{ ends: PartitionEnds[]; error?: Error }> {
  const all = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
  const leaders = Object.entries(cluster.findLeaderForPartitions(topic, all)).filter(
    ([nodeId]) => nodeId !== NO_LEADER,
  );
  const answers = await Promise.allSettled(
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
      // Each end only grows. Asked in this order, the answers fulfil low <= stable <= high.
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
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find(({ status }) => status === 'rejected');
  return {
    ends: told.sort((a, b) => a.partition - b.partition),
    ...(failed && { error: (failed as PromiseRejectedResult).reason as Error }),
  };
}
