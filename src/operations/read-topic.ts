import { withAdmin, type Kafka } from '../clients/kafka';
import { OffsetOutOfRangeError, type RecordReader } from '../clients/kafka-reader';
import type { KafkaRecord } from '../domain/record';

/** The records that a partition held at some moment: `low <= offset < high`. */
export interface PartitionRange {
  partition: number;
  low: number;
  high: number;
}

/** What the topic's partitions hold now; undefined where the topic does not exist. */
export async function topicRanges(
  kafka: Kafka,
  topic: string,
): Promise<PartitionRange[] | undefined> {
  return withAdmin(kafka, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return undefined;
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets
      .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
      .sort((a, b) => a.partition - b.partition);
  });
}

/** All records of the ranges, partition by partition. What retention removes on the way is passed over. */
export async function* readRanges(
  reader: Pick<RecordReader, 'read'>,
  topic: string,
  ranges: PartitionRange[],
  lowWatermark: (partition: number) => Promise<number>,
): AsyncGenerator<KafkaRecord> {
  for (const { partition, low, high } of ranges) {
    let from = low;
    while (from < high) {
      try {
        for await (const record of reader.read(topic, partition, from, high)) {
          from = record.offset + 1;
          yield record;
        }
        break;
      } catch (error) {
        if (!(error instanceof OffsetOutOfRangeError)) throw error;
        const now = await lowWatermark(partition);
        if (now <= from) throw error;
        from = now;
      }
    }
  }
}

/** {@link readRanges} against the broker. */
export function readTopic(
  kafka: Kafka,
  reader: Pick<RecordReader, 'read'>,
  topic: string,
  ranges: PartitionRange[],
): AsyncGenerator<KafkaRecord> {
  return readRanges(reader, topic, ranges, async (partition) => {
    const now = await topicRanges(kafka, topic);
    return now?.find((range) => range.partition === partition)?.low ?? 0;
  });
}
