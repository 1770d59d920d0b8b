import type { IdempotencySettings } from '../domain/idempotency-settings';
import type { IdempotencyService, IdempotencyStats } from './idempotency-service';

export const DEFAULT_IDEMPOTENCY_SETTINGS: IdempotencySettings = {
  retentionMs: 3_600_000,
  maxEntries: 100_000,
  cleanupIntervalMs: 300_000,
  lockTimeoutMs: 30_000,
  statistics: true,
  detailedLogging: false,
};

export interface InMemoryIdempotencyOptions extends Partial<IdempotencySettings> {
  /** Milliseconds on any clock that does not go back. Default `Date.now`. */
  now?: () => number;
  /** Receives an event a mark, eviction, expiry and lock, when `detailedLogging` is on. */
  log?: (event: string, fields: { key: string; owner?: string }) => void;
}

/** Entries a cleanup removes before it lets other work run. */
const CLEANUP_BATCH = 5_000;

interface Lock {
  owner: string;
  expiresAt: number;
}

/**
 * The idempotency service of one process. Every operation is O(1): the retention is the same for all
 * keys, so a Map's order of insertion is also their order of expiry and of eviction. Memory is bounded
 * by `maxEntries`, and for locks by what is acquired within one lock timeout and cleanup interval.
 */
export class InMemoryIdempotencyService implements IdempotencyService {
  readonly lockTimeoutMs: number;
  readonly #settings: IdempotencySettings;
  readonly #now: () => number;
  readonly #log: InMemoryIdempotencyOptions['log'];
  /** Key to the time it expires at, oldest first. */
  readonly #processed = new Map<string, number>();
  readonly #locks = new Map<string, Lock>();
  readonly #counts = { checked: 0, duplicates: 0, evicted: 0, expired: 0, lockWaits: 0, expiredLocks: 0 };
  readonly #timer: NodeJS.Timeout;
  #continuation: NodeJS.Immediate | undefined;

  /** Throws a RangeError that names the setting that is not a positive integer. */
  constructor(options: InMemoryIdempotencyOptions = {}) {
    const { now = Date.now, log, ...settings } = options;
    this.#settings = { ...DEFAULT_IDEMPOTENCY_SETTINGS, ...settings };
    for (const name of ['retentionMs', 'maxEntries', 'cleanupIntervalMs', 'lockTimeoutMs'] as const) {
      const value = this.#settings[name];
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`${name} must be a positive integer, not ${String(value)}`);
      }
    }
    this.lockTimeoutMs = this.#settings.lockTimeoutMs;
    this.#now = now;
    this.#log = this.#settings.detailedLogging ? log : undefined;
    this.#timer = setInterval(() => this.cleanup(), this.#settings.cleanupIntervalMs);
    this.#timer.unref();
  }

  isProcessed(key: string): boolean {
    const expiresAt = this.#processed.get(key);
    const processed = expiresAt !== undefined && expiresAt > this.#now();
    if (expiresAt !== undefined && !processed) this.#expire(key);
    if (this.#settings.statistics) {
      this.#counts.checked++;
      if (processed) this.#counts.duplicates++;
    }
    return processed;
  }

  markProcessed(key: string): void {
    this.#locks.delete(key);
    // Deleted first, so that a key marked again moves to the young end.
    this.#processed.delete(key);
    this.#processed.set(key, this.#now() + this.#settings.retentionMs);
    this.#log?.('marked', { key });
    if (this.#processed.size <= this.#settings.maxEntries) return;
    const oldest = this.#processed.keys().next().value!;
    this.#processed.delete(oldest);
    if (this.#settings.statistics) this.#counts.evicted++;
    this.#log?.('evicted', { key: oldest });
  }

  tryAcquireLock(key: string, owner: string): boolean {
    const now = this.#now();
    const lock = this.#locks.get(key);
    const held = lock !== undefined && lock.expiresAt > now;
    if (held && lock.owner !== owner) {
      if (this.#settings.statistics) this.#counts.lockWaits++;
      return false;
    }
    if (lock !== undefined && !held) this.#expireLock(key);
    this.#locks.delete(key);
    this.#locks.set(key, { owner, expiresAt: now + this.lockTimeoutMs });
    this.#log?.('locked', { key, owner });
    return true;
  }

  releaseLock(key: string, owner: string): void {
    if (this.#locks.get(key)?.owner !== owner) return;
    this.#locks.delete(key);
    this.#log?.('released', { key, owner });
  }

  stats(): IdempotencyStats {
    return { size: this.#processed.size, locks: this.#locks.size, ...this.#counts };
  }

  close(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#continuation);
    this.#processed.clear();
    this.#locks.clear();
  }

  /** Removes what has expired, in batches; the timer calls it. */
  cleanup(): void {
    const now = this.#now();
    let removed = 0;
    for (const [key, expiresAt] of this.#processed) {
      if (expiresAt > now || removed === CLEANUP_BATCH) break;
      this.#expire(key);
      removed++;
    }
    for (const [key, { expiresAt }] of this.#locks) {
      if (expiresAt > now || removed === CLEANUP_BATCH) break;
      this.#locks.delete(key);
      this.#expireLock(key);
      removed++;
    }
    clearImmediate(this.#continuation);
    if (removed === CLEANUP_BATCH) this.#continuation = setImmediate(() => this.cleanup());
  }

  #expire(key: string): void {
    this.#processed.delete(key);
    if (this.#settings.statistics) this.#counts.expired++;
    this.#log?.('expired', { key });
  }

  #expireLock(key: string): void {
    if (this.#settings.statistics) this.#counts.expiredLocks++;
    this.#log?.('lock expired', { key });
  }
}
