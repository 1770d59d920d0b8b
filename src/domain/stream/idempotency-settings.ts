import { z } from 'zod';
import { LONGEST_TIMER_MS } from './timers';

/** Settings of the dedupe layer `recent`: a bridge worker remembers delivered messages in memory. */
export interface IdempotencySettings {
  /** How long a delivered message is remembered, in milliseconds. Default 3,600,000 (60 min). */
  retentionMs: number;
  /**
   * The most messages that are remembered; above it, the oldest message is forgotten first. Default 100,000. Each process
   * takes the memory of the list at once: about 28 MB for 1,000,000 messages.
   */
  maxEntries: number;
  /** How often expired entries are removed, in milliseconds. Default 300,000 (5 min). */
  cleanupIntervalMs: number;
  /** How long a duplicate waits for the first copy in flight, in milliseconds. Default 30,000. */
  lockTimeoutMs: number;
  /** Whether checks and duplicates are counted. Default true. */
  statistics: boolean;
  /** Whether every mark, eviction and lock is logged, at debug level. Default false. */
  detailedLogging: boolean;
}

export const DEFAULT_IDEMPOTENCY_SETTINGS: IdempotencySettings = {
  retentionMs: 3_600_000,
  maxEntries: 100_000,
  cleanupIntervalMs: 300_000,
  lockTimeoutMs: 30_000,
  statistics: true,
  detailedLogging: false,
};

/** The largest value of each number; the smallest is 1. */
export const LARGEST_IDEMPOTENCY_SETTINGS = {
  retentionMs: Number.MAX_SAFE_INTEGER,
  maxEntries: 2 ** 23 - 1, // a Map in which keys come and go has room for 2 ** 23; one more entry is added before the oldest goes
  cleanupIntervalMs: LONGEST_TIMER_MS,
  lockTimeoutMs: LONGEST_TIMER_MS, // each record that waits for a lock sets a timer of this length
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
