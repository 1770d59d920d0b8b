/** Why a record could not be delivered. The dead letter and the failed workflow carry this. */
export interface RecordFailure {
  /**
   * `Transient`, `Throttled`, `Permanent`, `ContentConflict`, `Timeout`, the name of a failure of Temporal,
   * or the reason why the record is invalid.
   */
  type: string;
  /** What went wrong, for people. */
  message: string;
  /** Attempts at the sink, as far as known; 0 for a record that was never tried. */
  attempts: number;
}

/** The details that the `deliver` activity adds to its failures and heartbeats. */
export interface AttemptDetails {
  attempt: number;
  /** Milliseconds for which the sink asks to be left alone; see `Throttled`. */
  retryAfterMs?: number;
}
