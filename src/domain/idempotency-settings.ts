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
