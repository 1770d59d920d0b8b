import type {
  RecordFailure,
  AttemptDetails,
  WorkflowFailureType,
} from '../domain/workflow/failure';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';

/** Why an activity failed, and whether another attempt may help. */
export interface ActivityFailureCause extends RecordFailure {
  /** False: the failure is for good. */
  retryable: boolean;
  /** Milliseconds that the sink asks to be left alone. Absent: it does not ask. */
  retryAfterMs?: number;
}

/**
 * Reads why an activity has failed. A local activity throws a bare ApplicationFailure. A regular activity wraps the
 * ApplicationFailure in an ActivityFailure. A timeout of either is an ActivityFailure around a TimeoutFailure.
 * Throws `error` again if it is a cancellation, or no failure of Temporal.
 */
export function activityFailure(error: unknown): ActivityFailureCause {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as Partial<AttemptDetails> | undefined | null;
    return {
      type: cause.type ?? 'Transient',
      message: cause.message,
      attempts: details?.attempt ?? 1,
      retryable: !cause.nonRetryable,
      ...(details?.retryAfterMs !== undefined && { retryAfterMs: details.retryAfterMs }),
    };
  }
  if (cause instanceof TimeoutFailure) {
    return {
      type: 'Timeout' satisfies WorkflowFailureType,
      message: cause.message,
      attempts:
        (cause.lastHeartbeatDetails as Partial<AttemptDetails> | undefined | null)?.attempt ?? 1,
      retryable: true,
    };
  }
  // For example an answer of the server itself: the record may still be deliverable.
  if (cause instanceof TemporalFailure && !(cause instanceof CancelledFailure)) {
    return { type: cause.name, message: cause.message, attempts: 1, retryable: true };
  }
  throw error;
}
