import { setTimeout as sleep } from 'node:timers/promises';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import type { Kafka } from 'kafkajs';
import type { KafkaRecord } from '../domain/record/record';
import { decodeRecordSet, recordOfUnreadable, type DecodedRecords } from './records/record-set';
import { kafkaErrorType } from './kafka';
import { connectLater } from './cluster';
import { fetchPartitions } from './fetch/fetch';
import { topicIdOf } from './fetch/topic-ids';
import { topicByTopic } from './kafkajs-patches/leaderless';

/** Thrown if the requested offsets are no longer, or not yet, on the broker. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = 'OffsetOutOfRangeError';
}

/** Reads records without a consumer group, so that no group's offsets or membership change. */
export interface RecordReader {
  /**
   * Committed records with `from <= offset < to`, in the order of their offsets. Waits for records that are not yet
   * written. A batch that can't be read comes as one record that says why (`KafkaRecord.unreadable`). Throws an
   * {@link OffsetOutOfRangeError} if the broker does not have the next offset, and other errors after three tries.
   */
  read(topic: string, partition: number, from: number, to: number): AsyncGenerator<KafkaRecord>;
  /** The lowest offset that the partition has. */
  earliest(topic: string, partition: number): Promise<number>;
  close(): Promise<void>;
}

const MAX_BYTES = 4 * 1024 * 1024;
/** The broker gives the first batch whole, however little is asked for. */
export const ONE_BATCH = 1;
/** A partition is without a leader for some 100 ms while the leader moves. The pause doubles before the third try. */
const RETRY_PAUSE_MS = 250;

/** `maxBytes`: how much one request asks for; {@link ONE_BATCH} if the next record is enough. */
export function createRecordReader(kafka: Kafka, maxBytes = MAX_BYTES): RecordReader {
  const { cluster, knows, close } = connectLater(topicByTopic(kafka));

  async function fetch(topic: string, partition: number, fetchOffset: number) {
    await knows(topic);
    const leader = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
    if (leader === undefined) throw new Error(`topic ${topic} has no partition ${partition}`);
    const broker = await cluster.findBroker({ nodeId: leader });
    const [fetched] = await fetchPartitions(broker, [{ topic, partition, fetchOffset, maxBytes }], {
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes,
    });
    if (fetched!.errorCode !== 0) throw createErrorFromCode(fetched!.errorCode);
    return decodeRecordSet(fetched!);
  }

  return {
    async *read(topic, partition, from, to) {
      let offset = from;
      let failures = 0;
      while (offset < to) {
        let fetched: DecodedRecords;
        try {
          fetched = await fetch(topic, partition, offset);
          failures = 0;
        } catch (error) {
          if (kafkaErrorType(error) === 'OFFSET_OUT_OF_RANGE') {
            throw new OffsetOutOfRangeError(
              `offset ${offset} of ${topic}/${partition} is not on the broker`,
              { cause: error },
            );
          }
          // Leaders move and connections break. After three failures in a row the caller decides.
          if (++failures >= 3) throw error;
          await sleep(failures * RETRY_PAUSE_MS);
          await cluster.refreshMetadata();
          continue;
        }
        const { records, nextOffset, unreadable } = fetched;
        for (const record of records) {
          if (record.offset >= to) return;
          yield record;
        }
        offset = nextOffset;
        if (unreadable && unreadable.offset < to) {
          yield recordOfUnreadable(topic, partition, unreadable);
          offset = unreadable.nextOffset;
        } else if (unreadable) return;
      }
    },
    async earliest(topic, partition) {
      await knows(topic);
      const partitions = [{ partition }];
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: true }]);
      return Number(found!.partitions[0]!.offset);
    },
    close,
  };
}

/** The id of the topic, as the leader of this partition reports it; undefined if the leader can't. */
export async function readTopicId(
  kafka: Kafka,
  topic: string,
  partition: number,
): Promise<string | undefined> {
  const { cluster, knows, close } = connectLater(topicByTopic(kafka));
  try {
    await knows(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    return nodeId && (await topicIdOf(await cluster.findBroker({ nodeId }), topic));
  } finally {
    await close();
  }
}
