/** Counts since the service was made; all zero with statistics off. */
export interface IdempotencyStats {
  /** Keys remembered now. */
  size: number;
  /** Locks held now, expired ones not yet removed included. */
  locks: number;
  /** Calls of `isProcessed`. */
  checked: number;
  /** Calls of `isProcessed` that answered true. */
  duplicates: number;
  /** Keys forgotten because the maximum was reached. */
  evicted: number;
  /** Keys forgotten because their retention was over. */
  expired: number;
  /** Calls of `tryAcquireLock` that answered false. */
  lockWaits: number;
  /** Locks that were taken over or removed after their timeout. */
  expiredLocks: number;
}

/**
 * Remembers which keys were processed, and which are being processed now. Synchronous, because it
 * stands in the path of every record: an await per record would cost more than the check itself.
 */
export interface IdempotencyService {
  /** After this many milliseconds a lock counts as free. */
  readonly lockTimeoutMs: number;
  /** Whether the key was marked within the retention. */
  isProcessed(key: string): boolean;
  /** Remembers the key from now on, and drops its lock. */
  markProcessed(key: string): void;
  /** True when the lock was free, expired, or already the owner's. */
  tryAcquireLock(key: string, owner: string): boolean;
  /** Frees the lock if the owner holds it. */
  releaseLock(key: string, owner: string): void;
  stats(): IdempotencyStats;
  /** Stops timers and forgets everything. */
  close(): void;
}
