import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { isRetryable, type DeliveryFailure } from '../../domain/errors';
import { truncateUtf8 } from '../../domain/record/workflow-id';
import type { AttemptDetails } from '../../domain/workflow/failure';

/**
 * Limit of a failure's message, in bytes of UTF-8. An error's message may be the whole answer of a server. Temporal
 * cuts or refuses a failure that is too large, and so loses the type and the details that decide what happens next.
 */
const MAX_MESSAGE_BYTES = 2_000;

/** Longest pause that a sink may ask for. With a longer pause, its record would be out of reach for too long. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** The failure of this attempt, with what the workflow and the server need to decide on the next attempt. */
export function attemptFailure(failure: DeliveryFailure): ApplicationFailure {
  const { type, message } = failure;
  const { attempt } = activityInfo();
  const retryAfterMs = usableDelay(failure);
  const pause = retryAfterMs !== undefined;
  return ApplicationFailure.create({
    type,
    message: truncateUtf8(message, MAX_MESSAGE_BYTES),
    nonRetryable: !isRetryable(type),
    details: [{ attempt, ...(pause && { retryAfterMs }) } satisfies AttemptDetails],
    ...(pause && { nextRetryDelay: retryAfterMs }),
  });
}

/**
 * The pause that the sink asks for, in milliseconds, at most an hour; undefined if there is none. A `Retry-After`
 * that could not be read gives NaN, and a time in the past gives a negative number: both are no pause.
 */
export function usableDelay({ retryAfterMs }: DeliveryFailure): number | undefined {
  return retryAfterMs !== undefined && retryAfterMs > 0 && Number.isFinite(retryAfterMs)
    ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS)
    : undefined;
}
