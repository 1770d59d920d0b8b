import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

/** Why a record could not be delivered: goes into the dead letter and the failed workflow. */
export interface RecordFailure {
  /** `Transient`, `Throttled`, `Permanent`, `ContentConflict`, `Timeout`, or why it is invalid. */
  type: string;
  message: string;
  /** Attempts made at the sink, as far as known; 0 for a record that was never tried. */
  attempts: number;
}

/** What the `deliver` activity puts into the details of its failures and heartbeats. */
export interface AttemptDetails {
  attempt: number;
}

/**
 * The cause behind a failed activity. A local activity throws a bare ApplicationFailure, a regular one
 * wraps it in an ActivityFailure, and a timeout of either is an ActivityFailure around a
 * TimeoutFailure.
 */
export function activityFailure(error: unknown): RecordFailure & { retryable: boolean } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return {
      type: cause.type ?? 'Transient',
      message: cause.message,
      attempts: attemptOf(cause.details?.[0]) ?? 1,
      retryable: !cause.nonRetryable,
    };
  }
  if (cause instanceof TimeoutFailure) {
    return {
      type: 'Timeout',
      message: cause.message,
      attempts: attemptOf(cause.lastHeartbeatDetails) ?? 1,
      retryable: true,
    };
  }
  throw error;
}

function attemptOf(details: unknown): number | undefined {
  const attempt = (details as Partial<AttemptDetails> | undefined | null)?.attempt;
  return typeof attempt === 'number' ? attempt : undefined;
}
