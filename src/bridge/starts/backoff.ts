import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/**
 * One pause for all starts of a stream. When the server says it can't take more, or can't be reached,
 * every start waits; each further failure doubles the wait, the first success ends it.
 */
export class Backoff {
  #until = 0;
  #wait = 0;
  #reason: string | undefined;

  /** Resolves when a start may be tried. Rejects when the signal aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const wait = this.#until - Date.now();
      if (wait <= 0) return;
      await sleep(wait, undefined, { signal });
    }
  }

  /** Returns the wait in milliseconds. Failures of starts that were under way together count once. */
  failed(reason?: string): number {
    const now = Date.now();
    this.#reason = reason;
    if (now >= this.#until) {
      this.#wait = Math.min(Math.max(this.#wait * 2, FIRST_WAIT_MS), LONGEST_WAIT_MS);
      // Full jitter above the half: several bridge workers must not come back at the same instant.
      this.#until = now + this.#wait * (0.5 + Math.random() / 2);
    }
    return this.#until - now;
  }

  succeeded(): void {
    this.#wait = 0;
  }

  get active(): boolean {
    return this.#wait > 0;
  }

  /** Why the last start failed, while the pause lasts. */
  get reason(): string | undefined {
    return this.active ? this.#reason : undefined;
  }
}
