/** Why a record could not be delivered: goes into the dead letter and the failed workflow. */
export interface RecordFailure {
  /** `Transient`, `Throttled`, `Permanent`, `ContentConflict`, `Timeout`, a failure of Temporal by its name, or why it is invalid. */
  type: string;
  message: string;
  /** Attempts made at the sink, as far as known; 0 for a record that was never tried. */
  attempts: number;
}

/** What the `deliver` activity puts into the details of its failures and heartbeats. */
export interface AttemptDetails {
  attempt: number;
  /** Milliseconds the sink asks to be left alone; see `Throttled`. */
  retryAfterMs?: number;
}
