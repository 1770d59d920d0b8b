import { setTimeout as sleep } from 'node:timers/promises';
import { classifyError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import { withinTime } from '../../sinks/within-time';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const PATIENCE_MS = 5_000;
/** A check that takes longer is given up, and repeated. */
const CHECK_LIMIT_MS = 120_000;

/**
 * Asks a stream's sink whether it can take records, before the stream consumes. A sink with a wrong configuration would
 * fail every record. Until the configuration is mended, records stay in Kafka and use up no attempts.
 */
export class SinkCheck {
  #fault: string | undefined;
  #hold!: () => void;
  /** Resolves when the sink has refused for the first time, or has not answered for five seconds. */
  readonly held = new Promise<void>((resolve) => (this.#hold = resolve));

  constructor(
    private readonly stream: Pick<AnyStream, 'name' | 'sink'>,
    private readonly logger: Logger,
    private readonly limitMs = CHECK_LIMIT_MS,
  ) {}

  /** Repeats the check until the sink passes. Rejects if the signal aborts. */
  async passed(signal: AbortSignal): Promise<void> {
    const { name, sink } = this.stream;
    const silence = setTimeout(() => {
      this.#fault ??= 'it has not answered yet whether it can take records';
      this.#hold();
    }, PATIENCE_MS);
    signal.addEventListener('abort', () => clearTimeout(silence), { once: true });
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        await withinTime(this.limitMs, signal, (limited) => Promise.resolve(sink.check?.(limited)));
        signal.throwIfAborted();
        clearTimeout(silence);
        if (this.#fault) this.logger.info({ stream: name }, 'The sink can take records now');
        this.#fault = undefined;
        return;
      } catch (error) {
        signal.throwIfAborted();
        clearTimeout(silence);
        const { message } = classifyError(error, (e) => sink.classify?.(e));
        if (message !== this.#fault) {
          const fields = { stream: name, error: message };
          this.logger.warn(fields, 'The sink can not take records; the stream waits for it');
        }
        this.#fault = message;
        this.#hold();
      }
      await sleep(waitMs, undefined, { signal });
    }
  }

  /** Why the sink can't take records; undefined if it can, or if it has not been silent for five seconds yet. */
  fault(): string | undefined {
    return this.#fault;
  }
}
