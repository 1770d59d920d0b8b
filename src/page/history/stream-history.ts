/** How far two samples are apart. */
export const STEP_MS = 5_000;
/** Samples that are shown: those of 15 minutes. */
export const STEPS = 180;
/** One more for the step that is under way, and one because the first rate needs the sample before it. */
const SLOTS = STEPS + 2;

/** What is known of a partition at one time. NaN stands for what is not known. */
export interface PartitionSample {
  partition: number;
  /** Totals since the group first committed. */
  delivered: number;
  duplicates: number;
  retries: number;
  /** Records that the group has before it. */
  lag: number;
  /** Age of the first of these records; 0 without a lag. */
  lagSeconds: number;
}

/** Totals, of which a plot shows the growth a second. */
const TOTALS = ['delivered', 'duplicates', 'retries'] as const;
/** Values that a plot shows as they are. */
const GAUGES = ['lag', 'lagSeconds'] as const;

export type SeriesName = (typeof TOTALS)[number] | (typeof GAUGES)[number] | 'deadLetters';

/** The last 15 minutes of a stream or of one of its partitions, as a program gets them. */
export interface HistoryView {
  /** When the page began to sample, ISO 8601. */
  since: string;
  /** The times of the first and the last value, ISO 8601. */
  from: string;
  to: string;
  stepMs: number;
  /** The partitions of which something is known. */
  partitions: number[];
  /** One value a step. Null: not known. Totals and dead letters are per second. */
  series: Record<SeriesName, (number | null)[]>;
}

type Column = Record<(typeof TOTALS)[number] | (typeof GAUGES)[number] | 'letters', Float64Array>;

/**
 * The samples of one stream in a ring, which takes 9 KB a partition. A step without a sample is a gap. A rate needs two samples
 * in a row, so neither a gap nor totals that begin again make a peak.
 */
export class StreamHistory {
  readonly #partitions = new Map<number, Column>();
  /** Letters whose partition is not known. They count for the whole stream only. */
  readonly #others = newColumn();
  /** When each step was sampled, in milliseconds since the epoch. */
  readonly #at = emptySlots();
  readonly #since: number;
  /** Number of the step that is under way. */
  #newest: number;

  constructor(now: number) {
    this.#since = now;
    this.#newest = stepOf(now);
  }

  /** Adds a sample of all partitions that answered. `at`: when it was begun. Times are in milliseconds since the epoch. */
  add(at: number, partitions: PartitionSample[], now: number): void {
    this.#advance(now);
    const step = stepOf(at);
    if (!this.#has(step)) return;
    this.#at[slotOf(step)] = at;
    for (const { partition, ...values } of partitions) {
      let column = this.#partitions.get(partition);
      if (!column) this.#partitions.set(partition, (column = newColumn()));
      for (const name of [...TOTALS, ...GAUGES]) column[name][slotOf(step)] = values[name];
    }
  }

  /** Counts a dead letter at the time when its record was given up. */
  addLetter(failedAt: number, partition: number | undefined, now: number): void {
    this.#advance(now);
    // The clock of the process that gave it up may be ahead.
    const step = Math.min(stepOf(failedAt), this.#newest);
    if (!this.#has(step)) return;
    const column = this.#partitions.get(partition ?? -1) ?? this.#others;
    const before = column.letters[slotOf(step)]!;
    column.letters[slotOf(step)] = Number.isNaN(before) ? 1 : before + 1;
  }

  /**
   * The last 15 minutes of one partition, or of all of them. The lag in seconds of all is the longest, other values are sums.
   * `areLettersKnown`: whether all dead letters have been counted.
   */
  view(now: number, partition: number | undefined, areLettersKnown: boolean): HistoryView {
    this.#advance(now);
    const first = this.#newest - STEPS;
    const columns =
      partition === undefined
        ? [...this.#partitions.values()]
        : [this.#partitions.get(partition) ?? newColumn()];
    const values = (valueAt: (step: number) => number) =>
      Array.from({ length: STEPS }, (_, index) => rounded(valueAt(first + index)));
    const sum = (of: (column: Column, step: number) => number) =>
      values((step) => total(columns.map((column) => of(column, step))));
    const rate = (name: (typeof TOTALS)[number]) => sum((one, step) => this.#rate(one[name], step));
    const lettered = partition === undefined ? [...columns, this.#others] : columns;
    return {
      since: isoOf(this.#since),
      from: isoOf(first * STEP_MS),
      to: isoOf((this.#newest - 1) * STEP_MS),
      stepMs: STEP_MS,
      partitions: [...this.#partitions.keys()].sort((a, b) => a - b),
      series: {
        delivered: rate('delivered'),
        duplicates: rate('duplicates'),
        deadLetters: values((step) =>
          areLettersKnown ? (lettersIn(lettered, step) * 1_000) / STEP_MS : NaN,
        ),
        retries: rate('retries'),
        lag: sum((one, step) => one.lag[slotOf(step)]!),
        lagSeconds: values((step) =>
          longest(columns.map(({ lagSeconds }) => lagSeconds[slotOf(step)]!)),
        ),
      },
    };
  }

  /** Growth a second since the step before; NaN if it is not known, or if the totals have begun again. */
  #rate(totals: Float64Array, step: number): number {
    const [before, now] = [slotOf(step - 1), slotOf(step)];
    const growth = totals[now]! - totals[before]!;
    const seconds = (this.#at[now]! - this.#at[before]!) / 1_000;
    return growth >= 0 && seconds > 0 ? growth / seconds : NaN;
  }

  #has(step: number): boolean {
    return step > this.#newest - SLOTS && step <= this.#newest;
  }

  /** Empties the slots of the steps that have begun. If the clock went back, it empties all. */
  #advance(now: number): void {
    const newest = stepOf(now);
    if (newest === this.#newest) return;
    const steps = newest < this.#newest ? SLOTS : Math.min(newest - this.#newest, SLOTS);
    const all = [this.#others, ...this.#partitions.values()].flatMap((one) => Object.values(one));
    for (let step = newest - steps + 1; step <= newest; step++) {
      for (const slots of [this.#at, ...all]) slots[slotOf(step)] = NaN;
    }
    this.#newest = newest;
  }
}

function stepOf(at: number): number {
  return Math.floor(at / STEP_MS);
}

function slotOf(step: number): number {
  return step % SLOTS;
}

function emptySlots(): Float64Array {
  return new Float64Array(SLOTS).fill(NaN);
}

function newColumn(): Column {
  return {
    ...{ delivered: emptySlots(), duplicates: emptySlots(), retries: emptySlots() },
    ...{ lag: emptySlots(), lagSeconds: emptySlots(), letters: emptySlots() },
  };
}

/** The sum of what is known; NaN if nothing is. */
function total(values: number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0);
}

function longest(values: number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((most, value) => Math.max(most, value));
}

function lettersIn(columns: Column[], step: number): number {
  return columns.reduce((sum, { letters }) => sum + (letters[slotOf(step)] || 0), 0);
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : null;
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}
