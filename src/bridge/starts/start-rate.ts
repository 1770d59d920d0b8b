import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '../../telemetry/metrics';

/** After the first refusal, starts continue at half of the rate that was refused; after each further one, at 70 %. */
const FIRST_DECREASE = 0.5;
const DECREASE = 0.7;
/** Starts a second that are added in each second without a refusal. */
const INCREASE_PER_SECOND = 2;
const SMALLEST = 1;
/** Above this, starts have no limit any more. */
const LARGEST = 1_000;
/** Refusals within this time count once, because their starts were under way together. */
const DECREASE_INTERVAL_MS = 1_000;

/**
 * Limits how many workflows of a stream are started in a second. There is no limit until the server answers
 * RESOURCE_EXHAUSTED. From then on each refusal lowers the limit by a factor, and each second without a refusal raises
 * it by a constant. So the limit settles at about the server's own limit. Temporal's client repeats a refused start by
 * itself for 10 s; only a start that is refused for that long comes here.
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

  /** `onChange` gets the limit in starts a second; `Infinity` if there is none. */
  constructor(private readonly onChange: (limit: number) => void) {}

  get limit(): number {
    return this.#limit;
  }

  /** Whether no start has succeeded since the last refusal. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Resolves when the limit allows one more start. Rejects if the signal aborts. */
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

  /** Lowers the limit, because the server's rate limit was reached. Returns the new limit. */
  exhausted(now = Date.now()): number {
    this.#refused = true;
    if (now - this.#loweredAt < DECREASE_INTERVAL_MS) return this.#limit;
    this.#loweredAt = this.#raisedAt = now;
    const lowered =
      this.#limit === Infinity ? this.#perSecond(now) * FIRST_DECREASE : this.#limit * DECREASE;
    this.#set(Math.max(lowered, SMALLEST));
    // The pause lets workflows that are started already go on, because their tasks count against the same limit. Its
    // length is random, because several bridge workers must not come back at the same instant.
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

/** Makes the start rate of one stream in this process. Its limit is a metric. */
export function createStartRate({ name: stream }: { name: string }, metrics: Metrics): StartRate {
  const rate = new StartRate((limit) => metrics.startLimit.set({ stream }, limit));
  metrics.startLimit.set({ stream }, rate.limit);
  return rate;
}
