import type { KafkaRecord } from '../../domain/record/record';
import type { Kafka } from '../../kafka/kafka';
import type { RecordReader } from '../../kafka/reader';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { failedAtOf, withoutRepeats } from './dead-letters';

/** Records that are read at once. Their bytes are in memory together. */
const BLOCK = 500;

/** Reads a dead-letter topic from its end, so that the newest letters need no read of the whole topic. */
export async function* newestLetters(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
): AsyncGenerator<KafkaRecord, void> {
  const ranges = (await topicRanges(kafka, topic)) ?? [];
  const partitions = ranges.map((range) => backwards(kafka, reader, topic, range));
  yield* newestOf(partitions, failedAtOf);
}

/** Merges sources that yield their newest item first. `timeOf` gives the time of an item as a number. */
export async function* newestOf<T>(
  sources: (AsyncGenerator<T, void> | Generator<T, void>)[],
  timeOf: (item: T) => number,
): AsyncGenerator<T, void> {
  const heads = await Promise.all(sources.map(async (one) => one.next()));
  for (;;) {
    let newest: { item: T; index: number } | undefined;
    for (const [index, { done, value }] of heads.entries()) {
      if (done) continue;
      if (!newest || timeOf(value) > timeOf(newest.item)) newest = { item: value, index };
    }
    if (!newest) return;
    yield newest.item;
    heads[newest.index] = await sources[newest.index]!.next();
  }
}

/** An activity that was retried may have written its letter twice. Both lie close together, most often in one block. */
async function* backwards(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
  { partition, low, high }: PartitionRange,
): AsyncGenerator<KafkaRecord, void> {
  for (let end = high; end > low; end -= BLOCK) {
    const block: KafkaRecord[] = [];
    const range = { partition, low: Math.max(low, end - BLOCK), high: end };
    for await (const letter of withoutRepeats(readTopic(kafka, reader, topic, [range]))) {
      block.push(letter);
    }
    yield* block.reverse();
  }
}
