import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/**
 * Pauses all starts of a stream while the server can't be reached, or says that it can't take more. Each further
 * failure doubles the pause. After a success, the next failure begins with the shortest pause again.
 */
export class Backoff {
  #until = 0;
  #wait = 0;
  #reason: string | undefined;

  /** Resolves when a start may be tried. Rejects if the signal aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const wait = this.#until - Date.now();
      if (wait <= 0) return;
      await sleep(wait, undefined, { signal });
    }
  }

  /** Begins a pause, and returns its length in milliseconds. A failure during a pause does not lengthen it. */
  failed(reason?: string): number {
    const now = Date.now();
    this.#reason = reason;
    if (now >= this.#until) {
      this.#wait = Math.min(Math.max(this.#wait * 2, FIRST_WAIT_MS), LONGEST_WAIT_MS);
      // The pause lasts half of the wait or more, at random, because bridge workers must not come back at one instant.
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

  /** Why the last start failed; undefined if a start has succeeded since. */
  get reason(): string | undefined {
    return this.active ? this.#reason : undefined;
  }
}
