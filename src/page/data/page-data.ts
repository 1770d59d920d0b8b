import type { Client } from '@temporalio/client';
import { ProblemError } from '../../http/problem';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, ONE_BATCH, type RecordReader } from '../../kafka/reader';
import { Slots } from '../../lib/slots';
import { within } from '../../lib/within';
import { pageOfDeadLetters } from '../../operations/dead-letters/dead-letters-page';
import type {
  LettersPage,
  LettersPageOptions,
} from '../../operations/dead-letters/dead-letters-page';
import type { ListedLetter } from '../../operations/dead-letters/dead-letters-list';
import { isoTime, type StatusCounts } from '../../operations/letter-index/letter-groups';
import type { LetterIndex } from '../../operations/letter-index/letter-index';
import type { LetterIndexer } from '../../operations/letter-index/letter-indexer';
import { listReplays, type ListedReplay } from '../../operations/replay/replay-list';
import { canHold, heldLetters } from '../../operations/status/held-letters';
import { heldHeads } from '../../operations/status/status-held';
import { streamStatus, type StreamStatus } from '../../operations/status/status';
import { groupProgress, type GroupProgress } from '../../operations/status/status-progress';
import { trace, type MessageTrace, type TraceSubject } from '../../operations/trace/trace';
import {
  listOpen,
  pageOfWaiting,
  type ListedRun,
  type WaitingPage,
} from '../../temporal/waiting-workflows';
import { Answers, faultsOf, type Answer } from './answers';
import type { LetterIndexes } from './letter-indexes';
import { readLetters } from './letter-list';
import { Plans } from './plans';
import type { TemporalLink } from './temporal-link';

/** Values of a screen stay fresh for this long at the least. */
const FRESH_MS = 5_000;
/** Of what a person has just changed. */
const BRIEF_MS = 1_000;
/**
 * The status of one stream takes about five calls of Temporal's lists, which allow ten a second. So with many streams
 * values stay fresh for longer: the page takes half of the calls at the most.
 */
const FRESH_MS_A_STREAM = 1_000;
/** How long a screen waits for the first read of an index. A small one needs less. */
const FIRST_READ_MS = 1_500;
/** Statuses that are asked for at once. */
const STATUSES_AT_ONCE = 2;

/** What the index of a stream's letters says. */
export interface KnownLetters {
  indexer: LetterIndexer;
  index: LetterIndex;
  /** Whether the index has been read to the end once. */
  isComplete: boolean;
  /** Null while the letters are read for the first time. */
  counts: StatusCounts | null;
  /** When the oldest letter that nobody has settled was given up, ISO 8601; null if it is not known, or if there is none. */
  since: string | null;
  notices: string[];
}

/** Asks the servers what the screens show. Every answer is kept for a few seconds. */
export class PageData {
  readonly #answers = new Answers();
  readonly #slots = new Slots(STATUSES_AT_ONCE);
  readonly #freshMs: number;
  readonly plans: Plans;
  /** Reads single letters. */
  readonly letterReader: RecordReader;
  readonly reader: RecordReader;

  constructor(
    readonly streams: AnyStream[],
    readonly kafka: Kafka,
    private readonly temporal: Pick<TemporalLink, 'ask' | 'client'>,
    private readonly indexes: Pick<LetterIndexes, 'of'>,
  ) {
    this.#freshMs = Math.max(FRESH_MS, streams.length * FRESH_MS_A_STREAM);
    this.plans = new Plans(kafka, temporal);
    this.reader = createRecordReader(kafka);
    this.letterReader = createRecordReader(kafka, ONE_BATCH);
  }

  async close(): Promise<void> {
    this.plans.close();
    await Promise.all([this.reader.close(), this.letterReader.close()]);
  }

  stream(name: string): AnyStream | undefined {
    return this.streams.find((one) => one.name === name);
  }

  /** What is known of the stream's dead letters, from memory. Asks Temporal which keys are held. */
  async letters(stream: AnyStream): Promise<KnownLetters> {
    const indexer = this.indexes.of(stream);
    if (!indexer.isComplete) await within(FIRST_READ_MS, indexer.firstWait);
    const { index, isComplete, progress, fault } = indexer;
    const held: Answer<unknown> = canHold([stream])
      ? await this.ask(['held', stream.name], async (client) => {
          const partitions = await heldHeads(client, stream);
          const heads = partitions
            .filter(({ topic }) => topic === stream.topic)
            .flatMap(({ partition, heads }) => heads.map((offset) => ({ partition, offset })));
          index.setHeld(heads);
        })
      : {};
    const what = `The dead letters of stream ${stream.name}`;
    const reading = `${what} are read for the first time: ${progress.read} of ${progress.total}. Counts and statuses come then.`;
    const unread = fault === undefined ? reading : `${what} can't be read: ${fault}`;
    return {
      ...{ indexer, index, isComplete, counts: isComplete ? { ...index.counts } : null },
      since: isComplete ? isoTime(index.unsettled().since) : null,
      notices: [
        ...(isComplete && fault === undefined ? [] : [unread]),
        ...faultsOf({ [`Held keys of stream ${stream.name}`]: held }),
      ],
    };
  }

  /**
   * The stream's letters at these places, `partition:offset`; places without a letter are left out. Throws a
   * {@link ProblemError} while the letters are read for the first time, because their statuses are not known.
   */
  async lettersAt(stream: AnyStream, places: string[]): Promise<ListedLetter[]> {
    const { index, isComplete, notices } = await this.letters(stream);
    if (!isComplete) throw new ProblemError(503, notices.join(' '));
    const known = places.flatMap((place) => {
      const [partition, offset] = place.split(':').map(Number) as [number, number];
      const status = index.statusAt(partition, offset);
      return status === undefined ? [] : [{ stream, partition, offset, status }];
    });
    return readLetters(this.letterReader, this.streams, known);
  }

  status(stream: AnyStream): Promise<Answer<StreamStatus>> {
    return this.ask(['status', stream.name], async (client) => {
      await this.#slots.acquire();
      try {
        return await streamStatus(this.kafka, client, stream);
      } finally {
        this.#slots.release();
      }
    });
  }

  /** How far the stream's group has come. Needs no Temporal. */
  progress(stream: AnyStream): Promise<Answer<GroupProgress>> {
    return this.#ask(['progress', stream.name], () => groupProgress(this.kafka, stream));
  }

  /** Searches the letters themselves, which takes long on a large topic. */
  searchLetters(options: LettersPageOptions): Promise<Answer<LettersPage>> {
    return this.#ask(['dead letters', options], async () => {
      const streams = this.streams.filter(({ name }) => options.names?.includes(name) ?? true);
      const isHeld = canHold(streams)
        ? await this.temporal.ask((client) => heldLetters(client, streams)).catch(() => undefined)
        : undefined;
      return pageOfDeadLetters(this.kafka, this.streams, { ...options, isHeld });
    });
  }

  async waiting(
    names: string[],
    options: { limit: number; cursor?: string | undefined },
  ): Promise<Answer<WaitingPage>> {
    return this.#ask(['waiting', names, options], async () => {
      const listed = await this.#open(names);
      if (listed.value === undefined) throw new Error(listed.fault);
      const { value } = listed;
      return this.temporal.ask((client) => pageOfWaiting(client, value, options));
    });
  }

  #open(names: string[]): Promise<Answer<ListedRun[]>> {
    const streams = this.streams.filter(({ name }) => names.includes(name));
    return this.ask(['open', names], (client) => listOpen(client, streams));
  }

  trace(subject: TraceSubject): Promise<Answer<MessageTrace>> {
    return this.ask(['trace', subject], (client) =>
      trace(this.kafka, client, this.streams, subject, { scan: false }),
    );
  }

  /** The replays that the index knows, and the one that runs. */
  replays(stream: AnyStream): Promise<Answer<ListedReplay[]>> {
    const indexer = this.indexes.of(stream);
    const load = async (client: Client) => {
      return listReplays(client, stream, async () => {
        await indexer.catchUp();
        return indexer.log.replays;
      });
    };
    return this.ask(['replays', stream.name], load, { freshMs: BRIEF_MS });
  }

  /** A replay with its stream; undefined if no stream has it. Throws a {@link ProblemError} if that is not known. */
  async replayOf(id: string): Promise<{ stream: AnyStream; replay: ListedReplay } | undefined> {
    const faults: string[] = [];
    for (const stream of this.streams) {
      const answer = await this.replays(stream);
      const replay = answer.value?.find((one) => one.replay === id);
      if (replay) return { stream, replay };
      if (!answer.value) faults.push(...faultsOf({ [`Replays of stream ${stream.name}`]: answer }));
    }
    if (faults.length > 0) throw new ProblemError(503, faults.join(' '));
    return undefined;
  }

  /** Asks Temporal, and keeps the answer for a few seconds. */
  ask<T>(
    question: unknown[],
    load: (client: Client) => Promise<T>,
    options?: { freshMs: number },
  ): Promise<Answer<T>> {
    return this.#ask(question, () => this.temporal.ask(load), options);
  }

  /** Asks Temporal anew. For actions, which must not act on what was true a moment ago. */
  askNow<T>(load: (client: Client) => Promise<T>): Promise<T> {
    return this.temporal.ask(load);
  }

  /** Forgets what servers have said, and reads what somebody has just changed. */
  async refresh(): Promise<void> {
    this.#answers.forget();
    const reads = this.streams.map((stream) => this.indexes.of(stream).catchUp());
    // The index says in the log why it can't read.
    await within(FIRST_READ_MS, Promise.allSettled(reads));
  }

  /** Asks Kafka, and keeps the answer for a moment. */
  askKafka<T>(question: unknown[], load: () => Promise<T>): Promise<Answer<T>> {
    return this.#ask(question, load, { freshMs: BRIEF_MS });
  }

  #ask<T>(
    question: unknown[],
    load: () => Promise<T>,
    { freshMs } = { freshMs: this.#freshMs },
  ): Promise<Answer<T>> {
    return this.#answers.ask(JSON.stringify(question), { freshMs }, load);
  }
}
