import type { IdempotencySettings } from '../domain/idempotency-settings';
import type { IdempotencyService, IdempotencyStats } from './idempotency-service';
import { resolveIdempotencySettings } from './idempotency-settings';

/** What happened to a key, for the `log` hook. */
export type IdempotencyEvent =
  | 'marked'
  | 'evicted'
  | 'expired'
  | 'lockAcquired'
  | 'lockRefused'
  | 'lockReleased'
  | 'lockExpired';

export interface IdempotencyHooks {
  /**
   * Milliseconds on a clock that never runs backwards. Default: `performance.now()` in whole
   * milliseconds, which a corrected wall clock does not disturb.
   */
  readonly now?: () => number;
  /**
   * Called synchronously for every event when `detailedLogging` is on, so it has to be quick and
   * must not throw. `owner` is present on lock events: whose lock it is or was; on `lockRefused`,
   * who asked.
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

/** One batch takes a millisecond or two; between two batches the event loop serves others. */
const CLEANUP_BATCH = 5_000;

/**
 * Keeps marks and locks in two Maps, each in order of age, as retention and lock timeout are the
 * same for every entry: what is set anew goes to the young end, what expires or is evicted comes
 * from the old end. All operations take constant time.
 *
 * Memory is bounded: marks by `maxEntries`, at about 150 bytes for a key of 45 characters; locks by
 * time, as none outlives `lockTimeoutMs` by more than one cleanup interval, so there are never more
 * than were acquired within these two.
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

  /** Key → time of the mark. */
  readonly #marks = new Map<string, number>();
  readonly #locks = new Map<string, Lock>();
  #evictionOrder: Iterator<string> | undefined;
  #marksSinceEviction = 0;
  #cleanupTimer: NodeJS.Timeout;

  /** @throws RangeError that names the setting, when a setting is out of its range. */
  constructor(settings: Partial<IdempotencySettings> = {}, hooks: IdempotencyHooks = {}) {
    this.#settings = resolveIdempotencySettings(settings);
    // Whole milliseconds are stored within the Map; each fraction would be an object of its own.
    this.#now = hooks.now ?? (() => Math.floor(performance.now()));
    this.#log = this.#settings.detailedLogging ? hooks.log : undefined;
    this.#cleanupTimer = this.#cleanUpAfter(this.#settings.cleanupIntervalMs);
  }

  isProcessed(key: string): boolean {
    this.#count('checked');
    const markedAt = this.#marks.get(key);
    // Most records are new: they are answered without a look at the clock.
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

    const sizeBefore = this.#marks.size;
    this.#marks.set(key, now);
    if (this.#marks.size === sizeBefore) {
      // Setting a known key leaves it at its old place.
      this.#marks.delete(key);
      this.#marks.set(key, now);
    }
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

  /** The lock on the key, unless it has expired: then it is removed. */
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

  /**
   * Evicts the oldest mark when there is one too many. The iterator over the marks is kept from one
   * eviction to the next: a fresh one would first step over all that was deleted since the Map last
   * reorganised itself, up to twice its size, on every call. But an iterator that stands still keeps
   * each table alive that the Map has outgrown since, so it is given up when evictions pause.
   */
  #evictBeyondMaximum(now: number): void {
    if (this.#marks.size <= this.#settings.maxEntries) {
      if (++this.#marksSinceEviction > this.#settings.maxEntries) this.#evictionOrder = undefined;
      return;
    }
    this.#marksSinceEviction = 0;
    this.#evictionOrder ??= this.#marks.keys();
    // It has passed only keys that were evicted, so the next one is the oldest.
    const oldest = this.#evictionOrder.next();
    if (oldest.done) return;
    if (now - (this.#marks.get(oldest.value) ?? now) > this.#settings.retentionMs) {
      this.#expireMark(oldest.value);
      return;
    }
    this.#marks.delete(oldest.value);
    this.#count('evicted');
    this.#log?.('evicted', { key: oldest.value });
  }

  #cleanUpAfter(delayMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      const moreToDo = this.#removeExpiredBatch();
      this.#cleanupTimer = this.#cleanUpAfter(moreToDo ? 0 : this.#settings.cleanupIntervalMs);
    }, delayMs);
    return timer.unref(); // the process may end while a cleanup is due
  }

  /** Removes what has expired, oldest first; true when the batch was full. */
  #removeExpiredBatch(): boolean {
    const now = this.#now();
    let room = CLEANUP_BATCH;
    for (const [key, markedAt] of this.#marks) {
      if (room === 0 || now - markedAt <= this.#settings.retentionMs) break;
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
