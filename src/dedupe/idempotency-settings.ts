import {
  DEFAULT_IDEMPOTENCY_SETTINGS as DEFAULTS,
  LARGEST_IDEMPOTENCY_SETTINGS as LARGEST,
  type IdempotencySettings,
} from '../domain/stream/idempotency-settings';

/**
 * Fills in the defaults. Numbers must be whole and at least 1. `maxEntries` is at most 8,388,607;
 * `cleanupIntervalMs` and `lockTimeoutMs` are at most 2,147,483,647 (24.8 days).
 * @throws RangeError that names the setting that is out of its range.
 */
export function resolveIdempotencySettings(
  settings: Partial<IdempotencySettings>,
): IdempotencySettings {
  const resolved = { ...DEFAULTS, ...settings };
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
