import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { errorWithCause } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { stateTopic } from '../../domain/stream/state-topic';
import type { KafkaRecord } from '../../domain/record/record';
import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { entryOfRecord } from '../dead-letters/state-entries';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { LetterIndex, type NewLetter } from './letter-index';
import { StreamLog } from './stream-log';

/** Records that are read without a turn of the event loop: about 10 ms. */
const TURN_EVERY = 200;
/** Nobody waits for a first read of more records than this: it takes half a second and more. */
const SHORT_READ = 20_000;

/** How far an index has been read. */
export interface IndexProgress {
  read: number;
  total: number;
}

/** Reads the dead-letter topic and the state topic of a stream into an index, and goes on as they grow. */
export class LetterIndexer {
  index: LetterIndex;
  log = new StreamLog();
  readonly #reader: RecordReader;
  /** By topic and partition, the next offset to read. */
  readonly #next = new Map<string, number>();
  progress: IndexProgress = { read: 0, total: 0 };
  /** Whether the index has been read to the end once. */
  isComplete = false;
  /** Why the last read failed; undefined if it did not. */
  fault: string | undefined;
  #stopWaiting: () => void = () => undefined;
  /** Resolves when the index is complete, or when it is known that the first read takes long. Screens wait for it. */
  readonly firstWait = new Promise<void>((resolve) => (this.#stopWaiting = resolve));
  #reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly kafka: Kafka,
    private readonly stream: AnyStream,
    private readonly onLetter?: (letter: NewLetter) => void,
  ) {
    this.index = new LetterIndex(stream, onLetter);
    this.#reader = createRecordReader(kafka);
  }

  /**
   * Reads what both topics have by now. An entry is written after its letter, so with the end of the state topic taken first
   * every entry finds its letter.
   */
  catchUp(): Promise<void> {
    // A read that is under way may have missed what the caller knows to be there.
    this.#reading = this.#reading.catch(() => undefined).then(() => this.#catchUp());
    return this.#reading;
  }

  async #catchUp(): Promise<void> {
    const entries = await this.#unread(stateTopic(this.stream));
    const letters = await this.#unread(this.stream.deadLetterTopic);
    if (!entries || !letters) {
      // A topic was deleted and made anew: nothing that was read before counts.
      this.#next.clear();
      this.index = new LetterIndex(this.stream, this.onLetter);
      this.log = new StreamLog();
      return this.#catchUp();
    }
    const size = (ranges: PartitionRange[]) =>
      ranges.reduce((sum, { low, high }) => sum + high - low, 0);
    this.progress = { read: 0, total: size(entries) + size(letters) };
    if (this.progress.total > SHORT_READ) this.#stopWaiting();
    await this.#read(this.stream.deadLetterTopic, letters, (letter) =>
      this.index.addLetter(letter),
    );
    await this.#read(stateTopic(this.stream), entries, (record) => {
      const entry = entryOfRecord(record);
      if (!entry) return;
      if (entry.kind === 'progress' || entry.kind === 'runAgain') return this.index.addEntry(entry);
      this.log.add(entry, record.offset);
      if (entry.kind === 'disposition') this.index.addEntry(entry);
    });
    this.isComplete = true;
    this.#stopWaiting();
  }

  /** Catches up again and again until the signal aborts. `onRound` gets the error of each round, undefined if it has none. */
  async follow(intervalMs: number, signal: AbortSignal, onRound: (error?: unknown) => void) {
    while (!signal.aborted) {
      try {
        await this.catchUp();
        this.fault = undefined;
        onRound();
      } catch (error) {
        this.fault = errorWithCause(error);
        onRound(error);
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** What has not been read yet. Undefined if the topic ends before what was read. */
  async #unread(topic: string): Promise<PartitionRange[] | undefined> {
    const ranges = (await topicRanges(this.kafka, topic)) ?? [];
    const nextOf = ({ partition }: PartitionRange) => this.#next.get(`${topic}/${partition}`) ?? 0;
    if (ranges.some((range) => range.high < nextOf(range))) return undefined;
    return ranges.flatMap((range) => {
      const { partition, low, high } = range;
      if (topic === this.stream.deadLetterTopic) this.index.dropBefore(partition, low);
      const from = Math.max(low, nextOf(range));
      return from < high ? [{ partition, low: from, high }] : [];
    });
  }

  async #read(
    topic: string,
    ranges: PartitionRange[],
    add: (record: KafkaRecord) => void,
  ): Promise<void> {
    for (const range of ranges) {
      for await (const record of readTopic(this.kafka, this.#reader, topic, [range])) {
        add(record);
        this.#next.set(`${topic}/${range.partition}`, record.offset + 1);
        // Whoever looks at the page meanwhile gets an answer.
        if (++this.progress.read % TURN_EVERY === 0) await turn();
      }
      // Markers of transactions and compaction leave offsets without a record.
      this.#next.set(`${topic}/${range.partition}`, range.high);
    }
  }
}
