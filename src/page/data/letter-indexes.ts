import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { errorWithCause } from '../../domain/errors';
import { LetterIndexer } from '../../operations/letter-index/letter-indexer';
import type { Logger } from '../../telemetry/logger';

/** How often an index reads what is new, in milliseconds. */
const INTERVAL_MS = 2_000;

/**
 * Keeps an index of each stream's dead letters, replays and audit. An index begins when somebody first asks, and goes on until
 * the page closes. It takes some 140 bytes a letter.
 */
export class LetterIndexes {
  readonly #indexers = new Map<string, LetterIndexer>();
  readonly #closing = new AbortController();

  constructor(
    private readonly kafka: Kafka,
    private readonly logger: Logger,
  ) {}

  /** The stream's index. Its counts mean something when it `isComplete`. */
  of(stream: AnyStream): LetterIndexer {
    const { name } = stream;
    let indexer = this.#indexers.get(name);
    if (!indexer) {
      indexer = new LetterIndexer(this.kafka, stream);
      this.#indexers.set(name, indexer);
      void indexer.follow(INTERVAL_MS, this.#closing.signal, (error) => {
        const fields = { stream: name, error: errorWithCause(error) };
        this.logger.warn(fields, 'Could not read the dead letters of the stream');
      });
    }
    return indexer;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#indexers.values()].map((one) => one.close()));
  }
}
