import type { BrakeLimits } from '../../domain/stream/brake';

/** The number of slices of the window. It moves on by one slice at a time. */
const SLICES = 30;

interface Slice {
  number: number;
  delivered: number;
  /** By error type: the number of dead letters of records that were tried at the sink. */
  deadLetters: Map<string, number>;
  /** By error type: the number of dead letters of records that were never tried at the sink. */
  invalid: Map<string, number>;
}

/** The dead letters of the window: their number, their share of the ended records, and the most frequent error type. */
export interface DeadLetterRate {
  deadLetters: number;
  share: number;
  errorType: string;
}

/** Counts how the records of a stream ended in this process in the last `windowMs`. */
export class OutcomeWindow {
  readonly #sliceMs: number;
  #slices: Slice[] = [];

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES;
  }

  delivered(count: number, now = Date.now()): void {
    this.#current(now).delivered += count;
  }

  /** A record was dead-lettered after it was tried at the sink. */
  deadLettered(errorType: string, now = Date.now()): void {
    add(this.#current(now).deadLetters, errorType, 1);
  }

  /** A record was dead-lettered that was never tried at the sink. */
  invalid(errorType: string, now = Date.now()): void {
    add(this.#current(now).invalid, errorType, 1);
  }

  clear(): void {
    this.#slices = [];
  }

  /** Returns the rate that is a reason to brake; undefined if there is none. */
  excess(limits: BrakeLimits, now = Date.now()): DeadLetterRate | undefined {
    this.#current(now);
    const deadLetters = new Map<string, number>();
    const invalid = new Map<string, number>();
    let delivered = 0;
    for (const slice of this.#slices) {
      delivered += slice.delivered;
      for (const [type, count] of slice.deadLetters) add(deadLetters, type, count);
      for (const [type, count] of slice.invalid) add(invalid, type, count);
    }
    // Invalid records say nothing about the sink. If nearly all are invalid, the schema may be at fault.
    const asked = rateOf(deadLetters, delivered);
    if (asked.deadLetters >= limits.minimum && asked.share >= limits.share) return asked;
    const unread = rateOf(invalid, delivered + asked.deadLetters);
    const isReason = unread.deadLetters >= limits.minimum && unread.share >= limits.invalidShare;
    return isReason ? unread : undefined;
  }

  /** Returns the slice of this moment, and drops the slices that have left the window. */
  #current(now: number): Slice {
    const number = Math.floor(now / this.#sliceMs);
    this.#slices = this.#slices.filter((slice) => slice.number > number - SLICES);
    let current = this.#slices.at(-1);
    if (current?.number !== number) {
      current = { number, delivered: 0, deadLetters: new Map(), invalid: new Map() };
      this.#slices.push(current);
    }
    return current;
  }
}

function add(counts: Map<string, number>, type: string, count: number): void {
  counts.set(type, (counts.get(type) ?? 0) + count);
}

function rateOf(byType: Map<string, number>, others: number): DeadLetterRate {
  const deadLetters = [...byType.values()].reduce((sum, count) => sum + count, 0);
  const share = deadLetters === 0 ? 0 : deadLetters / (deadLetters + others);
  const [errorType = ''] = [...byType].sort(([, a], [, b]) => b - a)[0] ?? [];
  return { deadLetters, share, errorType };
}
