import type { Client } from '@temporalio/client';
import { errorWithCause } from '../../domain/errors';
import type { LastingState } from '../../domain/stream/lasting-state';
import type { Logger } from '../../telemetry/logger';
import { reasonOf } from '../../temporal/lasting-state';

const ASK_INTERVAL_MS = 5_000;

interface StateWatchDependencies<Reason extends object> {
  client: Client;
  stream: { name: string };
  state: LastingState<Reason>;
  logger: Logger;
  /** What the log calls the state: `braked`. */
  adjective: string;
  /** Called with each answer, and with the answer before. Null: the stream is not in the state. */
  onAnswer: (reason: Reason | null, before: Reason | null | undefined) => void;
}

/**
 * Asks Temporal every 5 s whether the stream is in a lasting state. While Temporal does not answer, the last answer
 * counts.
 */
export class StateWatch<Reason extends object> {
  /** Why the stream is in the state. Null: it is not. Undefined: not known yet. */
  reason: Reason | null | undefined;
  readonly #waiting = new Set<() => void>();
  #asking = Promise.resolve();
  /** Whether the log says already that starts wait for the first answer. */
  #warned = false;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly deps: StateWatchDependencies<Reason>) {
    this.#timer = setInterval(() => void this.ask(), ASK_INTERVAL_MS).unref();
    void this.ask();
  }

  /** Asks now. Requests are sent one at a time, and each caller gets an answer of its own. */
  ask(): Promise<void> {
    return (this.#asking = this.#asking.then(() => this.#askOnce()));
  }

  async #askOnce(): Promise<void> {
    const { client, stream, state, logger, adjective, onAnswer } = this.deps;
    let reason: Reason | null;
    try {
      reason = (await reasonOf(client, state, stream)) ?? null;
    } catch (error) {
      const fields = { stream: stream.name, error: errorWithCause(error) };
      const message = `Could not ask whether the stream is ${adjective}`;
      if (this.reason !== undefined || this.#warned) return logger.debug(fields, message);
      this.#warned = true;
      return logger.warn(fields, `${message}; nothing starts`);
    }
    const before = this.reason;
    this.reason = reason;
    onAnswer(reason, before);
    if (reason === null) this.wake();
  }

  /** Lets everything that waits for a change look again. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next change. Rejects if the signal aborts. */
  async change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
      };
      const wake = () => {
        end();
        resolve();
      };
      const abort = () => {
        end();
        reject(signal.reason as Error);
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
