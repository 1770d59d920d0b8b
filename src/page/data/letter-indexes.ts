import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { errorWithCause } from '../../domain/errors';
import type { NewLetter } from '../../operations/letter-index/letter-index';
import { LetterIndexer } from '../../operations/letter-index/letter-indexer';
import type { Logger } from '../../telemetry/logger';

/** How often an index reads what is new, in milliseconds. */
const INTERVAL_MS = 2_000;

/**
 * Keeps an index of each stream's dead letters, replays and audit. An index begins when the page listens, or when somebody
 * first asks, and goes on until the page closes. It takes some 270 bytes a letter in all.
 */
export class LetterIndexes {
  readonly #indexers = new Map<string, LetterIndexer>();
  readonly #following: Promise<void>[] = [];
  readonly #closing = new AbortController();

  constructor(
    private readonly kafka: Kafka,
    private readonly logger: Logger,
    private readonly onLetter: (stream: AnyStream, letter: NewLetter) => void = () => undefined,
  ) {}

  /** The stream's index. Its counts mean something when it `isComplete`. */
  of(stream: AnyStream): LetterIndexer {
    const { name } = stream;
    let indexer = this.#indexers.get(name);
    if (!indexer && this.#closing.signal.aborted) throw new Error('the page stops');
    if (!indexer) {
      indexer = new LetterIndexer(this.kafka, stream, (letter) => this.onLetter(stream, letter));
      this.#indexers.set(name, indexer);
      let isFailing = false;
      const following = indexer.follow(INTERVAL_MS, this.#closing.signal, (error) => {
        if (error !== undefined && !isFailing && !this.#closing.signal.aborted) {
          const fields = { stream: name, error: errorWithCause(error) };
          this.logger.warn(fields, 'Could not read the dead letters of the stream');
        }
        isFailing = error !== undefined;
      });
      this.#following.push(following);
    }
    return indexer;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const closeAll = () => Promise.all([...this.#indexers.values()].map((one) => one.close()));
    // Without its connections the read that is under way ends soon. What it has connected meanwhile is closed then.
    await closeAll();
    await Promise.all(this.#following);
    await closeAll();
  }
}
