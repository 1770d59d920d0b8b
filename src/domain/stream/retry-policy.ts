/** How a stream's records are tried at the sink. Times in milliseconds. */
export interface RetryPolicy {
  /**
   * Attempts of the local activity inside the first workflow task, 100 ms apart. They cost the
   * Temporal server nothing. Default 3.
   */
  fastAttempts: number;
  /** Attempts of the regular activity after those, the first at once. Default 20. */
  maximumAttempts: number;
  /** Wait before the second regular attempt. Default 1,000. */
  initialIntervalMs: number;
  /** Each further wait is this many times the one before. Default 2. */
  backoffCoefficient: number;
  /** The longest wait between attempts. Default 60,000. */
  maximumIntervalMs: number;
  /**
   * The longest a regular attempt may take: after it the record is tried again, perhaps by another
   * worker. Default 30,000.
   */
  attemptTimeoutMs: number;
}

/** About a quarter of an hour of attempts before a record is dead-lettered. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  fastAttempts: 3,
  maximumAttempts: 20,
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 60_000,
  attemptTimeoutMs: 30_000,
};
