import type { BrakeLimits } from '../domain/brake';

/** How finely the window moves on. */
const SLICES = 30;

interface Slice {
  number: number;
  delivered: number;
  deadLetters: Map<string, number>;
}

/** What the dead letters of the window are: how many, which share of the records that ended, of which type. */
export interface DeadLetterRate {
  deadLetters: number;
  share: number;
  errorType: string;
}

/** How records of a stream ended in this process, in the last `windowMs`. */
export class Outcomes {
  readonly #sliceMs: number;
  #slices: Slice[] = [];

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES;
  }

  delivered(count: number, now = Date.now()): void {
    this.#current(now).delivered += count;
  }

  deadLettered(errorType: string, now = Date.now()): void {
    const { deadLetters } = this.#current(now);
    deadLetters.set(errorType, (deadLetters.get(errorType) ?? 0) + 1);
  }

  clear(): void {
    this.#slices = [];
  }

  rate(now = Date.now()): DeadLetterRate {
    this.#current(now);
    const byType = new Map<string, number>();
    let deadLetters = 0;
    let delivered = 0;
    for (const slice of this.#slices) {
      delivered += slice.delivered;
      for (const [type, count] of slice.deadLetters) {
        deadLetters += count;
        byType.set(type, (byType.get(type) ?? 0) + count);
      }
    }
    const share = deadLetters === 0 ? 0 : deadLetters / (deadLetters + delivered);
    const [errorType = ''] = [...byType].sort(([, a], [, b]) => b - a)[0] ?? [];
    return { deadLetters, share, errorType };
  }

  /** The slice of this moment; those that have left the window are dropped. */
  #current(now: number): Slice {
    const number = Math.floor(now / this.#sliceMs);
    this.#slices = this.#slices.filter((slice) => slice.number > number - SLICES);
    let current = this.#slices.at(-1);
    if (current?.number !== number) {
      current = { number, delivered: 0, deadLetters: new Map() };
      this.#slices.push(current);
    }
    return current;
  }
}

/** Whether so many dead letters are a reason to brake. */
export function exceeds({ deadLetters, share }: DeadLetterRate, limits: BrakeLimits): boolean {
  return deadLetters >= limits.minimum && share >= limits.share;
}
