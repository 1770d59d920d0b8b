import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '../../telemetry/metrics';

/** Of what was too much, so much is tried next. */
const FIRST_DECREASE = 0.5;
const DECREASE = 0.7;
/** Starts a second that are added in each second without a refusal. */
const INCREASE_PER_SECOND = 2;
const SMALLEST = 1;
/** A limit beyond this holds nothing back. */
const LARGEST = 1_000;
/** Refusals of starts that were under way together count once. */
const DECREASE_INTERVAL_MS = 1_000;

/**
 * How many workflows of a stream may be started a second. As many as like, until the server says
 * RESOURCE_EXHAUSTED: from then on the rate goes down by a factor with each refusal and up by a constant
 * in each second without one, so that it comes to rest about where the server's limit is. Temporal's
 * client repeats a refused start by itself for 10 s: what is heard of here is what did not get through so.
 */
export class StartRate {
  #limit = Infinity;
  #next = 0;
  #raisedAt = 0;
  #loweredAt = -Infinity;
  /** Starts acknowledged in the second that began at `#secondAt`, and in the one before. */
  #secondAt = 0;
  #count = 0;
  #countBefore = 0;
  #refused = false;

  /** `onChange` gets the starts a second; `Infinity` where there is no limit. */
  constructor(private readonly onChange: (limit: number) => void) {}

  get limit(): number {
    return this.#limit;
  }

  /** Whether no start got through since the last one that was refused. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Resolves when it is a start's turn. Rejects when the signal aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#limit === Infinity) return;
    const now = Date.now();
    const turn = Math.max(this.#next, now);
    this.#next = turn + 1_000 / this.#limit;
    if (turn > now) await sleep(turn - now, undefined, { signal });
  }

  succeeded(now = Date.now()): void {
    this.#countOne(now);
    this.#refused = false;
    if (this.#limit === Infinity) return;
    const seconds = Math.min((now - this.#raisedAt) / 1_000, 1);
    if (seconds <= 0) return;
    this.#raisedAt = now;
    const raised = this.#limit + INCREASE_PER_SECOND * seconds;
    this.#set(raised > LARGEST ? Infinity : raised);
  }

  /** The server's rate limit was reached. Returns the limit from now on. */
  exhausted(now = Date.now()): number {
    this.#refused = true;
    if (now - this.#loweredAt < DECREASE_INTERVAL_MS) return this.#limit;
    this.#loweredAt = this.#raisedAt = now;
    const lowered =
      this.#limit === Infinity ? this.#perSecond(now) * FIRST_DECREASE : this.#limit * DECREASE;
    this.#set(Math.max(lowered, SMALLEST));
    // Meanwhile what is started already can get through: its tasks count against the same limit. Not the
    // same for all bridge workers: they must not come back at the same instant.
    this.#next = Math.max(this.#next, now + 500 + Math.random() * 500);
    return this.#limit;
  }

  #set(limit: number): void {
    this.#limit = limit;
    this.onChange(limit);
  }

  #countOne(now: number): void {
    if (now - this.#secondAt >= 1_000) {
      this.#countBefore = now - this.#secondAt < 2_000 ? this.#count : 0;
      this.#secondAt = now;
      this.#count = 0;
    }
    this.#count++;
  }

  #perSecond(now: number): number {
    return Math.max(this.#countBefore, now - this.#secondAt < 2_000 ? this.#count : 0);
  }
}

/** The rate of one stream in this process, shown as a metric. */
export function createStartRate({ name: stream }: { name: string }, metrics: Metrics): StartRate {
  const rate = new StartRate((limit) => metrics.startLimit.set({ stream }, limit));
  metrics.startLimit.set({ stream }, rate.limit);
  return rate;
}
