import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyStream } from '../../domain/stream/stream';
import { stateTopic } from '../../domain/stream/state-topic';
import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { entryOfRecord } from '../dead-letters/letter-states';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { LetterIndex } from './letter-index';

/** How far an index has been read. */
export interface IndexProgress {
  read: number;
  total: number;
}

/** Reads the dead-letter topic and the state topic of a stream into an index, and goes on as they grow. */
export class LetterIndexer {
  readonly index: LetterIndex;
  readonly #reader: RecordReader;
  /** By topic and partition, the next offset to read. */
  readonly #next = new Map<string, number>();
  progress: IndexProgress = { read: 0, total: 0 };
  /** Whether the index has been read to the end once. */
  isComplete = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly stream: AnyStream,
  ) {
    this.index = new LetterIndex(stream);
    this.#reader = createRecordReader(kafka);
  }

  /**
   * Reads what both topics have by now. An entry is written after its letter, so with the end of the state topic taken first
   * every entry finds its letter.
   */
  async catchUp(): Promise<void> {
    const entries = await this.#unread(stateTopic(this.stream));
    const letters = await this.#unread(this.stream.deadLetterTopic);
    const size = (ranges: PartitionRange[]) =>
      ranges.reduce((sum, { low, high }) => sum + high - low, 0);
    this.progress = { read: 0, total: size(entries) + size(letters) };
    await this.#read(this.stream.deadLetterTopic, letters, (letter) =>
      this.index.addLetter(letter),
    );
    await this.#read(stateTopic(this.stream), entries, (record) => {
      const entry = entryOfRecord(record);
      if (entry) this.index.addEntry(entry);
    });
    this.isComplete = true;
  }

  /** Catches up again and again until the signal aborts. */
  async follow(intervalMs: number, signal: AbortSignal, onError: (error: unknown) => void) {
    while (!signal.aborted) {
      await this.catchUp().catch(onError);
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #unread(topic: string): Promise<PartitionRange[]> {
    const ranges = (await topicRanges(this.kafka, topic)) ?? [];
    return ranges.flatMap(({ partition, low, high }) => {
      const from = Math.max(low, this.#next.get(`${topic}/${partition}`) ?? 0);
      return from < high ? [{ partition, low: from, high }] : [];
    });
  }

  async #read(
    topic: string,
    ranges: PartitionRange[],
    add: (record: Parameters<LetterIndex['addLetter']>[0]) => void,
  ): Promise<void> {
    for (const range of ranges) {
      for await (const record of readTopic(this.kafka, this.#reader, topic, [range])) {
        add(record);
        this.#next.set(`${topic}/${range.partition}`, record.offset + 1);
        this.progress.read++;
      }
      // Markers of transactions and compaction leave offsets without a record.
      this.#next.set(`${topic}/${range.partition}`, range.high);
    }
  }
}
