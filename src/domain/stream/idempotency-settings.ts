import { z } from 'zod';

/** Settings of the `recent` layer, the duplicates a bridge worker remembers in memory. */
export interface IdempotencySettings {
  /** How long a delivered message is remembered, in milliseconds. Default 3,600,000 (60 min). */
  retentionMs: number;
  /** Messages remembered at most; beyond it the oldest are forgotten first. Default 100,000. */
  maxEntries: number;
  /** How often the expired are removed, in milliseconds. Default 300,000 (5 min). */
  cleanupIntervalMs: number;
  /** How long a duplicate waits for the first one in flight, in milliseconds. Default 30,000. */
  lockTimeoutMs: number;
  /** Whether checks and duplicates are counted. Default true. */
  statistics: boolean;
  /** Whether every mark, eviction and lock is logged, at debug level. Default false. */
  detailedLogging: boolean;
}

/** The largest value of each number; the smallest is 1. */
export const LARGEST_IDEMPOTENCY_SETTINGS = {
  retentionMs: Number.MAX_SAFE_INTEGER,
  maxEntries: 2 ** 24 - 1, // a Map holds 2 ** 24, and one is added before the oldest is evicted
  cleanupIntervalMs: 2 ** 31 - 1, // a Node timer set for longer fires after 1 ms
  lockTimeoutMs: 2 ** 31 - 1, // those who wait for a lock set a timer for it
} as const;

const upTo = (largest: number) => z.number().int().min(1).max(largest);

export const idempotencySchema = z
  .strictObject({
    retentionMs: upTo(LARGEST_IDEMPOTENCY_SETTINGS.retentionMs),
    maxEntries: upTo(LARGEST_IDEMPOTENCY_SETTINGS.maxEntries),
    cleanupIntervalMs: upTo(LARGEST_IDEMPOTENCY_SETTINGS.cleanupIntervalMs),
    lockTimeoutMs: upTo(LARGEST_IDEMPOTENCY_SETTINGS.lockTimeoutMs),
    statistics: z.boolean(),
    detailedLogging: z.boolean(),
  })
  .partial();
