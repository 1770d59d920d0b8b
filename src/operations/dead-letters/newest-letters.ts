import { deadLetterHeader } from '../../domain/workflow/dead-letter';
import type { KafkaRecord } from '../../domain/record/record';
import type { Kafka } from '../../kafka/kafka';
import type { RecordReader } from '../../kafka/reader';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { time, withoutRepeats } from './dead-letters';

/** Records that are read at once. Their bytes are in memory together. */
const BLOCK = 500;

/** Reads a dead-letter topic from its end, so that the newest letters need no read of the whole topic. */
export async function* newestLetters(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
): AsyncGenerator<KafkaRecord> {
  const ranges = (await topicRanges(kafka, topic)) ?? [];
  const partitions = ranges.map((range) => backwards(kafka, reader, topic, range));
  const heads = await Promise.all(partitions.map((one) => one.next()));
  for (;;) {
    let newest = -1;
    heads.forEach(({ done, value }, index) => {
      if (done) return;
      const other = newest === -1 ? undefined : heads[newest]!.value;
      if (!other || failedAt(value) > failedAt(other)) newest = index;
    });
    if (newest === -1) return;
    yield heads[newest]!.value as KafkaRecord;
    heads[newest] = await partitions[newest]!.next();
  }
}

function failedAt(letter: KafkaRecord): number {
  return Date.parse(time(deadLetterHeader(letter, 'failed-at') ?? null) ?? '') || 0;
}

/** An activity that was retried may have written its letter twice. Both lie close together, most often in one block. */
async function* backwards(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
  { partition, low, high }: PartitionRange,
): AsyncGenerator<KafkaRecord, undefined> {
  for (let end = high; end > low; end -= BLOCK) {
    const block: KafkaRecord[] = [];
    const range = { partition, low: Math.max(low, end - BLOCK), high: end };
    for await (const letter of withoutRepeats(readTopic(kafka, reader, topic, [range]))) {
      block.push(letter);
    }
    yield* block.reverse();
  }
}
