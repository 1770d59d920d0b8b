import { LONGEST_TIMER_MS } from './timers';

/** How a stream's records are tried at the sink. All times are in milliseconds. */
export interface RetryPolicy {
  /**
   * Attempts of the local activity in the first workflow task, 100 ms apart. They cost the Temporal server
   * nothing. Default 3, at most 10.
   */
  fastAttempts: number;
  /** Attempts of the regular activity after the fast attempts; the first is made at once. Default 20. */
  maximumAttempts: number;
  /** Wait before the second regular attempt. Default 1,000. */
  initialIntervalMs: number;
  /** The factor from each wait to the next one. Default 2. */
  backoffCoefficient: number;
  /** The longest wait between attempts. Default 60,000. */
  maximumIntervalMs: number;
  /**
   * The longest time that a regular attempt may take. After that the record is tried again, perhaps by
   * another worker. Default 30,000, at least 1,000.
   */
  attemptTimeoutMs: number;
}

/** With these values a record is tried for about a quarter of an hour before it is dead-lettered. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  fastAttempts: 3,
  maximumAttempts: 20,
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 60_000,
  attemptTimeoutMs: 30_000,
};

/** The largest value of each number that has a limit. */
export const LARGEST_RETRY_POLICY = {
  fastAttempts: 10,
  initialIntervalMs: LONGEST_TIMER_MS,
  maximumIntervalMs: LONGEST_TIMER_MS,
} as const;
