import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { Slots } from '../../lib/slots';
import {
  pageOfDeadLetters,
  type LettersPage,
  type LettersPageOptions,
} from '../../operations/dead-letters/dead-letters-page';
import { listReplays, type ListedReplay } from '../../operations/replay/replay-list';
import { streamStatus, type StreamStatus } from '../../operations/status/status';
import { groupProgress, type GroupProgress } from '../../operations/status/status-progress';
import { trace, type MessageTrace, type TraceSubject } from '../../operations/trace/trace';
import {
  listOpen,
  pageOfWaiting,
  type ListedRun,
  type WaitingPage,
} from '../../temporal/waiting-workflows';
import type { StatusCounts } from '../../operations/letter-index/letter-index';
import { Answers, type Answer } from './answers';
import type { LetterCounts } from './letter-counts';
import type { TemporalLink } from './temporal-link';

/** Values of a screen stay fresh for this long at the least. */
const FRESH_MS = 5_000;
/**
 * The status of one stream takes about five calls of Temporal's lists, which allow ten a second. So with many streams
 * values stay fresh for longer: the page takes half of the calls at the most.
 */
const FRESH_MS_A_STREAM = 1_000;
/** Statuses that are asked for at once. */
const STATUSES_AT_ONCE = 2;

/** Asks the servers what the screens show. Every answer is kept for a few seconds. */
export class PageData {
  readonly #answers = new Answers();
  readonly #slots = new Slots(STATUSES_AT_ONCE);
  readonly #freshMs: number;

  constructor(
    readonly streams: AnyStream[],
    readonly kafka: Kafka,
    private readonly temporal: TemporalLink,
    private readonly counts: Pick<LetterCounts, 'of'>,
  ) {
    this.#freshMs = Math.max(FRESH_MS, streams.length * FRESH_MS_A_STREAM);
  }

  stream(name: string): AnyStream | undefined {
    return this.streams.find((one) => one.name === name);
  }

  /** Dead letters by what became of their records; null while they are counted for the first time. */
  letters(stream: AnyStream): StatusCounts | null {
    return this.counts.of(stream);
  }

  status(stream: AnyStream): Promise<Answer<StreamStatus>> {
    return this.#ask(['status', stream.name], async () => {
      await this.#slots.acquire();
      try {
        return await this.temporal.ask((client) => streamStatus(this.kafka, client, stream));
      } finally {
        this.#slots.release();
      }
    });
  }

  /** How far the stream's group has come. Needs no Temporal. */
  progress(stream: AnyStream): Promise<Answer<GroupProgress>> {
    return this.#ask(['progress', stream.name], () => groupProgress(this.kafka, stream));
  }

  deadLetters(options: LettersPageOptions): Promise<Answer<LettersPage>> {
    return this.#ask(['dead letters', options], () =>
      pageOfDeadLetters(this.kafka, this.streams, options),
    );
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
    return this.#ask(['open', names], () =>
      this.temporal.ask((client) => listOpen(client, streams)),
    );
  }

  trace(subject: TraceSubject): Promise<Answer<MessageTrace>> {
    return this.#ask(['trace', subject], () =>
      this.temporal.ask((client) =>
        trace(this.kafka, client, this.streams, subject, { scan: false }),
      ),
    );
  }

  replays(stream: AnyStream): Promise<Answer<ListedReplay[]>> {
    return this.#ask(['replays', stream.name], () =>
      this.temporal.ask((client) => listReplays(this.kafka, client, stream)),
    );
  }

  #ask<T>(question: unknown[], load: () => Promise<T>): Promise<Answer<T>> {
    return this.#answers.ask(JSON.stringify(question), { freshMs: this.#freshMs }, load);
  }
}
