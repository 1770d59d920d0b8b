import Batch from 'kafkajs/src/consumer/batch';
import type { Kafka } from 'kafkajs';
import type { KafkaRecord } from '../domain/record';
import { kafkaErrorType, toKafkaRecord } from './kafka';

/** Thrown when the asked-for offsets are no longer, or not yet, on the broker. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = 'OffsetOutOfRangeError';
}

/** Reads records without a consumer group, so that no group's offsets or membership change. */
export interface RecordReader {
  /** Records with `from <= offset < to`, in order, oldest first. Waits for those not yet written. */
  read(topic: string, partition: number, from: number, to: number): AsyncGenerator<KafkaRecord>;
  /** The lowest offset that the partition has. */
  earliest(topic: string, partition: number): Promise<number>;
  close(): Promise<void>;
}

/** What is used of kafkajs's own cluster, which its public API gives to consumers only. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: true }[],
  ): Promise<{ partitions: { offset: string }[] }[]>;
  findBroker(options: { nodeId: string }): Promise<{ fetch(request: object): Promise<unknown> }>;
}
interface FetchResponse {
  responses: { topicName: string; partitions: { partition: number }[] }[];
}
const READ_COMMITTED = 1;

export function createRecordReader(kafka: Kafka): RecordReader {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )!;
  const createCluster = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]!;
  const cluster = createCluster({
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    isolationLevel: READ_COMMITTED,
  });
  let connected: Promise<void> | undefined;

  async function prepare(topic: string) {
    connected ??= cluster.connect();
    try {
      await connected;
    } catch (error) {
      connected = undefined;
      throw error;
    }
    await cluster.addTargetTopic(topic);
  }

  async function fetch(topic: string, partition: number, offset: number) {
    await prepare(topic);
    const leader = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
    if (leader === undefined) throw new Error(`topic ${topic} has no partition ${partition}`);
    const broker = await cluster.findBroker({ nodeId: leader });
    const maxBytes = 4 * 1024 * 1024;
    const response = (await broker.fetch({
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes }] }],
    })) as FetchResponse;
    return new Batch(topic, String(offset), response.responses[0]!.partitions[0]!);
  }

  return {
    async *read(topic, partition, from, to) {
      let offset = from;
      let failures = 0;
      while (offset < to) {
        let batch: Batch;
        try {
          batch = await fetch(topic, partition, offset);
          failures = 0;
        } catch (error) {
          if (kafkaErrorType(error) === 'OFFSET_OUT_OF_RANGE') {
            throw new OffsetOutOfRangeError(
              `offset ${offset} of ${topic}/${partition} is not on the broker`,
              { cause: error },
            );
          }
          // Leaders move and connections break; three tries in a row, then the caller decides.
          if (++failures >= 3) throw error;
          await cluster.refreshMetadata();
          continue;
        }
        for (const message of batch.messages) {
          const record = toKafkaRecord(topic, partition, message);
          if (record.offset >= to) return;
          yield record;
        }
        if (batch.rawMessages.length > 0) offset = Number(batch.lastOffset()) + 1;
      }
    },
    async earliest(topic, partition) {
      await prepare(topic);
      const partitions = [{ partition }];
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: true }]);
      return Number(found!.partitions[0]!.offset);
    },
    async close() {
      if (connected) await cluster.disconnect();
    },
  };
}
