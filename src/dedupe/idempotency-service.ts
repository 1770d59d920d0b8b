/**
 * Remembers which messages were processed and who is processing one right now.
 *
 * Synchronous on purpose: the one user, the bridge's in-process layer `recent`, asks several times
 * a record at tens of thousands of records a second. A promise for each answer would cost more than
 * the answer, and an await between check and lock would let another record slip in between. Durable
 * dedupe, which has to be asynchronous, is the work of the workflow id and of the sink.
 *
 * A key is any string; equal keys are the same message. A key stays in memory as long as its mark,
 * so compose it with `[id, hash].join(':')`: a template literal leaves a rope of several strings,
 * which takes twice the memory and is slower to compare.
 */
export interface IdempotencyService {
  /** Whether the key is marked and its mark is not older than the retention. */
  isProcessed(key: string): boolean;

  /**
   * Marks the key as processed from now on and drops its lock, whoever holds it. A key marked again
   * counts as new: its retention starts over.
   */
  markProcessed(key: string): void;

  /**
   * Takes the key's lock for `owner` until it is released, the key is marked, or the lock timeout
   * has passed. An owner that asks again keeps its lock and the timeout starts over. Does not look
   * at marks: ask `isProcessed` first.
   * @returns false when another owner holds the lock.
   */
  tryAcquireLock(key: string, owner: string): boolean;

  /**
   * Gives the lock back.
   * @returns false, with nothing changed for other owners, when `owner` does not hold the lock,
   * or held it longer than the lock timeout.
   */
  releaseLock(key: string, owner: string): boolean;

  /** A snapshot of the counters. */
  stats(): IdempotencyStats;

  /**
   * Stops the background cleanup; a second call does nothing. Whoever constructs the service closes
   * it. The operations still answer correctly afterwards, but expired entries stay in memory until
   * someone asks for them.
   */
  close(): void;
}

/**
 * Plain numbers of entries or calls. `size` and `locks` are present values; the others count since
 * construction, and stay 0 when statistics are off.
 */
export interface IdempotencyStats {
  /** Marks in memory, with those that have expired but are not cleaned up yet. */
  readonly size: number;
  /** Locks in memory, with those that have expired but are not cleaned up yet. */
  readonly locks: number;
  /** Calls of `isProcessed`. */
  readonly checked: number;
  /** Calls of `isProcessed` that answered true. */
  readonly duplicates: number;
  /** Marks removed before their retention ended, because `maxEntries` was reached. */
  readonly evicted: number;
  /** Marks removed because they were older than the retention. */
  readonly expired: number;
  /** Calls of `tryAcquireLock` that answered false. */
  readonly lockWaits: number;
  /** Locks removed because they were held longer than the lock timeout. */
  readonly expiredLocks: number;
}
