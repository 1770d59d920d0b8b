import type { RecordFailure, AttemptDetails } from '../domain/workflow/failure';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';

/**
 * The cause behind a failed activity. A local activity throws a bare ApplicationFailure, a regular one
 * wraps it in an ActivityFailure, and a timeout of either is an ActivityFailure around a
 * TimeoutFailure.
 */
export function activityFailure(
  error: unknown,
): RecordFailure & { retryable: boolean; retryAfterMs?: number } {
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
      type: 'Timeout',
      message: cause.message,
      attempts:
        (cause.lastHeartbeatDetails as Partial<AttemptDetails> | undefined | null)?.attempt ?? 1,
      retryable: true,
    };
  }
  // An answer of the server itself, say: the record may still be deliverable.
  if (cause instanceof TemporalFailure && !(cause instanceof CancelledFailure)) {
    return { type: cause.name, message: cause.message, attempts: 1, retryable: true };
  }
  throw error;
}
