import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { isRetryable, type DeliveryFailure } from '../../domain/errors';
import { truncateUtf8 } from '../../domain/record/workflow-id';
import type { AttemptDetails } from '../../domain/workflow/failure';

/**
 * Of an error's message, which may be the whole answer of a server. Temporal cuts or refuses a failure
 * that is too large, and with it the type and the details that decide what happens next.
 */
const MAX_MESSAGE_BYTES = 2_000;

/** A sink that asks for more is asked again after this; its record would be out of reach for too long. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** The failure of this attempt, as the workflow and the server need it to decide on the next. */
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

/** A `Retry-After` that could not be read gives NaN, one in the past a negative number. */
export function usableDelay({ retryAfterMs }: DeliveryFailure): number | undefined {
  return retryAfterMs !== undefined && retryAfterMs > 0 && Number.isFinite(retryAfterMs)
    ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS)
    : undefined;
}
