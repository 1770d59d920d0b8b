export interface IdempotencySettings {
  /** How long a mark is remembered, in milliseconds. Default 3,600,000 (60 minutes). */
  readonly retentionMs: number;
  /** How many marks are kept; past it the oldest goes. 1 to 16,777,216, default 100,000. */
  readonly maxEntries: number;
  /**
   * Time between two cleanups of expired marks and locks, in milliseconds. 1 to 2,147,483,647,
   * default 300,000 (5 minutes).
   */
  readonly cleanupIntervalMs: number;
  /** How long an owner may hold a lock before others may take it, in ms. Default 30,000. */
  readonly lockTimeoutMs: number;
  /** Whether the counters of `stats()` count; off, they stay 0. Default true. */
  readonly statistics: boolean;
  /** Whether the `log` hook is called for every mark, eviction, expiry and lock. Default false. */
  readonly detailedLogging: boolean;
}

export const DEFAULT_IDEMPOTENCY_SETTINGS: IdempotencySettings = {
  retentionMs: 3_600_000,
  maxEntries: 100_000,
  cleanupIntervalMs: 300_000,
  lockTimeoutMs: 30_000,
  statistics: true,
  detailedLogging: false,
};

const LARGEST = {
  retentionMs: Number.MAX_SAFE_INTEGER,
  maxEntries: 2 ** 24, // the most that a Map holds
  cleanupIntervalMs: 2 ** 31 - 1, // a Node timer set for longer fires after 1 ms
  lockTimeoutMs: Number.MAX_SAFE_INTEGER,
} as const;

/**
 * Fills in the defaults.
 * @throws RangeError that names the setting, when a number is not a whole number in its range.
 */
export function resolveIdempotencySettings(
  settings: Partial<IdempotencySettings>,
): IdempotencySettings {
  const resolved = { ...DEFAULT_IDEMPOTENCY_SETTINGS, ...settings };
  for (const name of Object.keys(LARGEST) as (keyof typeof LARGEST)[]) {
    const value = resolved[name];
    if (!Number.isInteger(value) || value < 1 || value > LARGEST[name]) {
      throw new RangeError(
        `idempotency setting ${name} must be a whole number from 1 to ${LARGEST[name]}, ` +
          `got ${String(value)}`,
      );
    }
  }
  return resolved;
}
