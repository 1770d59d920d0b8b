import { kafkaErrorType, type Kafka } from '../../kafka/kafka';
import { topicEnds, type PartitionEnds } from '../../kafka/offsets';
import { OffsetOutOfRangeError, type RecordReader } from '../../kafka/reader';
import { describePosition, type KafkaRecord } from '../../domain/record/record';

/** The records of a partition that could be read at some moment: `low <= offset < high`. */
export interface PartitionRange {
  partition: number;
  low: number;
  high: number;
}

/**
 * The readable range of each partition of the topic now; undefined if the topic does not exist. A reader of
 * committed records stops at an open transaction, so a range ends there. `onNotice` reports the records behind
 * it.
 */
export async function topicRanges(
  kafka: Kafka,
  topic: string,
  onNotice: (text: string) => void = () => undefined,
): Promise<PartitionRange[] | undefined> {
  const ends = await existingEnds(kafka, topic);
  return ends?.map(({ partition, low, stable, high }) => {
    if (high > stable) {
      const position = describePosition({ topic, partition, offset: stable });
      onNotice(`${high - stable} records behind an open transaction at ${position} are not read`);
    }
    return { partition, low, high: stable };
  });
}

/** The current ends of the topic's partitions; undefined if the topic does not exist. */
export async function existingEnds(
  kafka: Kafka,
  topic: string,
): Promise<PartitionEnds[] | undefined> {
  try {
    return await topicEnds(kafka, topic);
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

/**
 * Yields all records of the ranges, partition by partition. Records that retention deletes meanwhile are skipped.
 */
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

/** {@link readRanges} with the low watermarks of the broker. */
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
