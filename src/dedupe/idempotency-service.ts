/**
 * Remembers which messages were processed, and who is processing a message right now.
 *
 * The service is synchronous on purpose. Its only user, the dedupe layer `recent` of the bridge, calls it
 * several times per record, at tens of thousands of records a second. A promise for each answer would cost
 * more than the answer. An await between check and lock would let another record in between. Durable dedupe
 * has to be asynchronous, and is the task of the workflow id and of the sink.
 *
 * A key is any string; equal keys are the same message. A key stays in memory as long as its mark, so compose
 * it with `[id, hash].join(':')`. A template literal leaves a rope of several strings, which takes twice the
 * memory and is slower to compare.
 */
export interface IdempotencyService {
  /** Whether the key is marked, and its mark is not older than the retention. */
  isProcessed(key: string): boolean;

  /**
   * Marks the key as processed from now on, and drops its lock, whoever owns the lock. If the key is marked
   * already, its retention starts over.
   */
  markProcessed(key: string): void;

  /**
   * Locks the key for `owner`, until the lock is released, the key is marked, or the lock timeout has passed.
   * If the owner asks again, the owner keeps the lock, and the timeout starts over. Does not check marks:
   * call `isProcessed` first.
   * @returns false if another owner has the lock.
   */
  tryAcquireLock(key: string, owner: string): boolean;

  /**
   * Releases the lock.
   * @returns false if `owner` does not have the lock, or has had it longer than the lock timeout. Locks of other
   * owners do not change.
   */
  releaseLock(key: string, owner: string): boolean;

  /** Returns a snapshot of the counters. */
  stats(): IdempotencyStats;

  /**
   * Stops the background cleanup; a second call does nothing. The code that constructs the service must close
   * it. Afterwards all operations still answer correctly, but expired entries stay in memory until somebody
   * asks for them.
   */
  close(): void;
}

/**
 * Numbers of entries or calls. `size` and `locks` are present values. All others count since construction,
 * and stay 0 if statistics are off.
 */
export interface IdempotencyStats {
  /** Marks in memory, including expired marks that are not cleaned up yet. */
  readonly size: number;
  /** Locks in memory, including expired locks that are not cleaned up yet. */
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
  /** Locks removed because they were older than the lock timeout. */
  readonly expiredLocks: number;
}
