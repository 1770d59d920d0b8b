import { LRUCache } from 'lru-cache';
import type { IdempotencySettings } from '../domain/stream/idempotency-settings';
import type { IdempotencyService, IdempotencyStats } from './idempotency-service';
import { resolveIdempotencySettings } from './idempotency-settings';

/** What happened to a key; an argument of the `log` hook. */
export type IdempotencyEvent =
  | 'marked'
  | 'evicted'
  | 'expired'
  | 'lockAcquired'
  | 'lockRefused'
  | 'lockReleased'
  | 'lockExpired';

/** What {@link InMemoryIdempotencyService} takes from outside: its clock, and who is told of its events. */
export interface IdempotencyHooks {
  /**
   * Returns milliseconds of a clock that never runs backwards. Default: `performance.now()` in whole
   * milliseconds, which does not change when the wall clock is corrected.
   */
  readonly now?: () => number;
  /**
   * Called synchronously for every event if `detailedLogging` is on. It must be quick and must not throw.
   * Only events of locks have an `owner`: the present or former owner of the lock, or for `lockRefused` the
   * owner that asked.
   */
  readonly log?: (
    event: IdempotencyEvent,
    fields: { readonly key: string; readonly owner?: string },
  ) => void;
}

interface Lock {
  readonly owner: string;
  readonly acquiredAt: number;
}

type Counters = { -readonly [C in Exclude<keyof IdempotencyStats, 'size' | 'locks'>]: number };

/**
 * Entries in one batch of the cleanup. A batch takes a millisecond or two; then the event loop serves others.
 */
const CLEANUP_BATCH = 5_000;

/**
 * Keeps marks and locks in the order of their age. Retention and lock timeout are the same for every entry.
 * So a new entry goes to the young end, and an expired or evicted entry comes from the old end. All
 * operations take constant time.
 *
 * Memory is bounded. `maxEntries` bounds the marks, at about 150 bytes for a key of 45 characters. Time
 * bounds the locks: no lock outlives `lockTimeoutMs` by more than one cleanup interval. There are never more
 * locks than were acquired within these two times.
 */
export class InMemoryIdempotencyService implements IdempotencyService {
  readonly #settings: IdempotencySettings;
  readonly #now: () => number;
  readonly #log: IdempotencyHooks['log'];
  readonly #counters: Counters = {
    checked: 0,
    duplicates: 0,
    evicted: 0,
    expired: 0,
    lockWaits: 0,
    expiredLocks: 0,
  };

  /** Each key with the time of its mark, the oldest mark first. */
  readonly #marks: LRUCache<string, number>;
  readonly #locks = new Map<string, Lock>();
  #cleanupTimer: NodeJS.Timeout;

  /** @throws RangeError that names the setting, if a setting is out of its range. */
  constructor(settings: Partial<IdempotencySettings> = {}, hooks: IdempotencyHooks = {}) {
    this.#settings = resolveIdempotencySettings(settings);
    this.#now = hooks.now ?? (() => Math.floor(performance.now()));
    this.#log = this.#settings.detailedLogging ? hooks.log : undefined;
    // Room for one more: the oldest mark goes after the new one has come, and is told as evicted or expired.
    this.#marks = new LRUCache({ max: this.#settings.maxEntries + 1 });
    this.#cleanupTimer = this.#cleanUpAfter(this.#settings.cleanupIntervalMs);
  }

  isProcessed(key: string): boolean {
    this.#count('checked');
    const markedAt = this.#marks.peek(key);
    // Most records are new. The answer for them does not need the clock.
    if (markedAt === undefined) return false;
    if (this.#now() - markedAt > this.#settings.retentionMs) {
      this.#expireMark(key);
      return false;
    }
    this.#count('duplicates');
    return true;
  }

  markProcessed(key: string): void {
    const now = this.#now();
    const lock = this.#findLock(key, now);
    if (lock) this.#dropLock(key, lock);

    this.#marks.set(key, now);
    this.#log?.('marked', { key });
    this.#evictBeyondMaximum(now);
  }

  tryAcquireLock(key: string, owner: string): boolean {
    const now = this.#now();
    const lock = this.#findLock(key, now);
    if (lock && lock.owner !== owner) {
      this.#count('lockWaits');
      this.#log?.('lockRefused', { key, owner });
      return false;
    }
    if (lock) this.#locks.delete(key); // so that the renewed lock goes to the young end
    this.#locks.set(key, { owner, acquiredAt: now });
    this.#log?.('lockAcquired', { key, owner });
    return true;
  }

  releaseLock(key: string, owner: string): boolean {
    const lock = this.#findLock(key, this.#now());
    if (lock?.owner !== owner) return false;
    this.#dropLock(key, lock);
    return true;
  }

  stats(): IdempotencyStats {
    return { size: this.#marks.size, locks: this.#locks.size, ...this.#counters };
  }

  close(): void {
    clearTimeout(this.#cleanupTimer);
  }

  /** The lock on the key. An expired lock is removed, and does not count. */
  #findLock(key: string, now: number): Lock | undefined {
    const lock = this.#locks.get(key);
    if (lock && now - lock.acquiredAt >= this.#settings.lockTimeoutMs) {
      this.#expireLock(key, lock);
      return undefined;
    }
    return lock;
  }

  #dropLock(key: string, { owner }: Lock): void {
    this.#locks.delete(key);
    this.#log?.('lockReleased', { key, owner });
  }

  #expireLock(key: string, { owner }: Lock): void {
    this.#locks.delete(key);
    this.#count('expiredLocks');
    this.#log?.('lockExpired', { key, owner });
  }

  #expireMark(key: string): void {
    this.#marks.delete(key);
    this.#count('expired');
    this.#log?.('expired', { key });
  }

  /** Removes the oldest mark if there are too many. One is enough, because each new mark adds at most one. */
  #evictBeyondMaximum(now: number): void {
    if (this.#marks.size <= this.#settings.maxEntries) return;
    const oldest = this.#oldestMark()!;
    if (this.#isExpired(oldest, now)) {
      this.#expireMark(oldest);
      return;
    }
    this.#marks.delete(oldest);
    this.#count('evicted');
    this.#log?.('evicted', { key: oldest });
  }

  #oldestMark(): string | undefined {
    for (const key of this.#marks.rkeys()) return key;
    return undefined;
  }

  #isExpired(key: string, now: number): boolean {
    return now - this.#marks.peek(key)! > this.#settings.retentionMs;
  }

  #cleanUpAfter(delayMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      const moreToDo = this.#removeExpiredBatch();
      this.#cleanupTimer = this.#cleanUpAfter(moreToDo ? 0 : this.#settings.cleanupIntervalMs);
    }, delayMs);
    return timer.unref(); // the process may end while a cleanup is due
  }

  /** Removes expired entries, oldest first. Returns true if the batch was full. */
  #removeExpiredBatch(): boolean {
    const now = this.#now();
    let room = CLEANUP_BATCH;
    for (let key = this.#oldestMark(); key !== undefined; key = this.#oldestMark()) {
      if (room === 0 || !this.#isExpired(key, now)) break;
      this.#expireMark(key);
      room--;
    }
    for (const [key, lock] of this.#locks) {
      if (room === 0 || now - lock.acquiredAt < this.#settings.lockTimeoutMs) break;
      this.#expireLock(key, lock);
      room--;
    }
    return room === 0;
  }

  #count(counter: keyof Counters): void {
    if (this.#settings.statistics) this.#counters[counter]++;
  }
}
