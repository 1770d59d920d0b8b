import { LRUCache } from 'lru-cache';
import { errorWithCause, UsageError } from '../../domain/errors';
import { within } from '../../lib/within';

/** What a server has said. At least one of `value` and `fault` is there. */
export interface Answer<T> {
  /** The last value that the server gave; undefined if it gave none yet. */
  value?: T;
  /** When the server gave the value. */
  at?: Date;
  /** Why there is no newer value. */
  fault?: string;
}

interface Entry {
  value?: unknown;
  /** Milliseconds since the epoch: when the value came. */
  at?: number;
  fault?: string;
  /** Somebody has changed something since. */
  isOld?: boolean;
  /** When the fault came. */
  faultAt?: number;
  /** What is wrong with the question itself. */
  refused?: UsageError;
  loading?: Promise<void>;
}

export interface AskOptions {
  /** How long a value stays fresh. */
  freshMs: number;
}

/** How long a screen waits for a server. Later answers serve the next look. */
const WAIT_MS = 8_000;
/** A server that is away is asked again after this time at the earliest. */
const FAULT_MS = 3_000;
const MAX_ENTRIES = 200;

/**
 * Keeps what servers have said for a few seconds. However many people look at a screen, each question is asked once at a
 * time, because Temporal's lists allow about ten calls a second.
 */
export class Answers {
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });

  constructor(
    private readonly waitMs = WAIT_MS,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Answers a question from memory if the value is fresh, else by `load`. If `load` fails or takes too
   * long, the answer is the last value with a fault. Rejects only with a {@link UsageError} of `load`.
   */
  async ask<T>(
    question: string,
    { freshMs }: AskOptions,
    load: () => Promise<T>,
  ): Promise<Answer<T>> {
    const entry = this.#entries.get(question) ?? {};
    this.#entries.set(question, entry);
    const isFresh = !entry.isOld && isWithin(entry.at, freshMs, this.now());
    if (!isFresh && !isWithin(entry.faultAt, FAULT_MS, this.now())) {
      entry.loading ??= this.#load(entry, load);
    }
    const late = entry.loading && !(await within(this.waitMs, entry.loading));
    if (entry.refused) throw entry.refused;
    const seconds = Math.round(this.waitMs / 1_000);
    const fault = late ? `no answer within ${seconds} s: a server is slow or away` : entry.fault;
    return {
      ...('value' in entry && { value: entry.value as T, at: new Date(entry.at!) }),
      ...(fault !== undefined && { fault }),
    };
  }

  /** Marks every answer as old, so that each question is asked anew. If nobody answers, the old one is still there. */
  forget(): void {
    for (const [question, { value, at }] of [...this.#entries.entries()]) {
      // A load that is under way began before, so its value would be old too.
      this.#entries.set(question, at === undefined ? {} : { value, at, isOld: true });
    }
  }

  async #load(entry: Entry, load: () => Promise<unknown>): Promise<void> {
    try {
      entry.value = await load();
      entry.at = this.now();
      delete entry.isOld;
      delete entry.fault;
      delete entry.faultAt;
    } catch (error) {
      if (error instanceof UsageError) entry.refused = error;
      entry.fault = errorWithCause(error);
      entry.faultAt = this.now();
    }
    delete entry.loading;
  }
}

function isWithin(at: number | undefined, milliseconds: number, now: number): boolean {
  return at !== undefined && now - at < milliseconds;
}

/** The notices for answers that have a fault. */
export function faultsOf(answers: Record<string, { fault?: string; at?: Date }>): string[] {
  return Object.entries(answers).flatMap(([what, { fault, at }]) => {
    if (fault === undefined) return [];
    const old = at ? `; what is shown is of ${at.toISOString()}` : '';
    return [`${what}: ${fault}${old}`];
  });
}
