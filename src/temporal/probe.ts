import type { Client } from '@temporalio/client';
import { errorWithCause } from '../domain/errors';

const INTERVAL_MS = 5_000;
const DEADLINE_MS = 4_000;

/**
 * Asks Temporal every 5 s whether it answers. A worker does not show this: it keeps polling a server that is gone,
 * and reports nothing.
 */
export class TemporalProbe {
  readonly #timer: NodeJS.Timeout;
  #fault: string | undefined;
  #asking = false;

  constructor(
    private readonly client: Client,
    private readonly namespace: string,
  ) {
    this.#timer = setInterval(() => void this.#ask(), INTERVAL_MS).unref();
  }

  /** Why Temporal does not answer; undefined if it does. */
  fault(): string | undefined {
    return this.#fault;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { connection } = this.client;
      await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
        this.client.workflowService.describeNamespace({ namespace: this.namespace }),
      );
      this.#fault = undefined;
    } catch (error) {
      this.#fault = `does not answer: ${errorWithCause(error)}`;
    } finally {
      this.#asking = false;
    }
  }
}
