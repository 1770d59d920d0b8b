import { errorWithCause } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { NewLetter } from '../../operations/letter-index/letter-index';
import type { Logger } from '../../telemetry/logger';
import type { LetterIndexes } from '../data/letter-indexes';
import type { GroupSampler } from './group-sampler';
import { STEP_MS, StreamHistory, type HistoryView } from './stream-history';

/**
 * Samples all streams every 5 seconds, one after the other. It begins when the page listens or somebody first asks, and ends
 * when the page closes.
 */
export class Histories {
  readonly #byStream = new Map<string, StreamHistory>();
  /** The streams whose last sample failed. */
  readonly #failing = new Set<AnyStream>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #cycle: Promise<void> | undefined;

  constructor(
    private readonly streams: AnyStream[],
    private readonly sampler: Pick<GroupSampler, 'sample' | 'close'>,
    private readonly indexes: Pick<LetterIndexes, 'of'>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    if (this.#cycle || this.#closing.signal.aborted) return;
    const now = Date.now();
    for (const { name } of this.streams) this.#byStream.set(name, new StreamHistory(now));
    this.#run();
  }

  /** The last 15 minutes of a stream, or of one of its partitions. */
  of(stream: AnyStream, partition: number | undefined): HistoryView {
    this.start();
    const history = this.#byStream.get(stream.name) ?? new StreamHistory(Date.now());
    return history.view(Date.now(), partition, this.indexes.of(stream).isComplete);
  }

  /** Counts a dead letter that the index of its stream has found. */
  addLetter(stream: AnyStream, { failedAt, source }: NewLetter): void {
    const partition = source?.topic === stream.topic ? source.partition : undefined;
    this.#byStream.get(stream.name)?.addLetter(failedAt, partition, Date.now());
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    // Without its connections the sample that is under way ends soon. What it has connected meanwhile is closed then.
    await this.sampler.close();
    await this.#cycle;
    await this.sampler.close();
  }

  #run(): void {
    this.#cycle = this.#sampleAll().then(() => {
      if (this.#closing.signal.aborted) return;
      // In the middle of a step, so that a timer that is a little early or late still gives one sample a step.
      const pause = STEP_MS - ((Date.now() + STEP_MS / 2) % STEP_MS);
      this.#timer = setTimeout(() => this.#run(), pause).unref();
    });
  }

  async #sampleAll(): Promise<void> {
    for (const stream of this.streams) {
      const at = Date.now();
      try {
        const partitions = await this.sampler.sample(stream);
        this.#byStream.get(stream.name)!.add(at, partitions, Date.now());
        this.#failing.delete(stream);
      } catch (error) {
        this.#report(stream, error);
      }
      if (this.#closing.signal.aborted) return;
      // The index begins with the first sample, which says what partitions there are.
      this.indexes.of(stream);
    }
  }

  /** Reports a fault once, not with every sample. */
  #report(stream: AnyStream, error: unknown): void {
    if (this.#closing.signal.aborted || this.#failing.has(stream)) return;
    this.#failing.add(stream);
    const fields = { stream: stream.name, error: errorWithCause(error) };
    this.logger.warn(fields, 'Could not sample the stream for its plots');
  }
}
