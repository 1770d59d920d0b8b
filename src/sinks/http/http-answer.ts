import { DeliveryError, type DeliveryFailureType } from '../../domain/errors';
import type { WriteResult } from '../../domain/stream/sink';
import type { HttpAnswer } from './http-request';
import { retryAfterMs } from '../retry-after';

/** The meaning of a status for the delivery: an outcome, or the type of the error. */
export type HttpStatusMeaning = WriteResult['outcome'] | DeliveryFailureType;

/**
 * Explanations of statuses that show a wrong configuration, not a faulty record. These statuses are `Transient`:
 * every record meets them alike, so `Permanent` would dead-letter the whole topic.
 */
const CONFIGURATION: Record<number, string> = {
  401: 'the receiver does not know who sends: check its credentials',
  403: 'the receiver does not let this sender in: check its rights',
  404: 'nobody receives at this URL: check the path',
  405: 'the receiver does not take this method',
  407: 'a proxy asks for credentials',
  410: 'the receiver no longer accepts messages at this URL',
};

/** Explanations of statuses, by the draft on the header Idempotency-Key as far as it covers them. */
const EXPLANATIONS: Record<number, string> = {
  ...CONFIGURATION,
  101: 'the receiver changes to another protocol, which nobody asked for',
  409: 'the receiver is at work on a request with the same Idempotency-Key',
  413: 'the receiver finds the message too large',
  415: 'the receiver does not take this content type',
  422: 'the receiver knows the Idempotency-Key with other content, or can not process this one',
};

/**
 * Returns the result that an answer's status means, or throws its {@link DeliveryError}. `what` names the request
 * in words. `meanings` override the rules of this file.
 */
export function resultOf(
  what: string,
  { status, headers }: HttpAnswer,
  meanings: Record<number, HttpStatusMeaning> = {},
): WriteResult {
  const meaning = meanings[status] ?? meaningOf(status, headers);
  if (meaning === 'written' || meaning === 'duplicate') return { outcome: meaning };
  const explanation = status >= 300 && status < 400 ? REDIRECT : EXPLANATIONS[status];
  const message = `${what} was answered with ${status}${explanation ? `: ${explanation}` : ''}`;
  const pauseMs = retryAfterMs(headers['retry-after']);
  const pauses = pauseMs !== undefined && (meaning === 'Transient' || meaning === 'Throttled');
  throw new DeliveryError(meaning, message, pauses ? { retryAfterMs: pauseMs } : {});
}

const REDIRECT = 'redirects are not followed; the URL must be the final one';

function meaningOf(status: number, headers: HttpAnswer['headers']): HttpStatusMeaning {
  if (status >= 200 && status < 300) {
    // Receivers set this header if they repeat their stored answer to an earlier request with the same key.
    return headers['idempotent-replayed'] === 'true' ? 'duplicate' : 'written';
  }
  if (status === 429) return 'Throttled';
  if (status === 503 && headers['retry-after'] !== undefined) return 'Throttled';
  if (status >= 500 || status < 400 || status in CONFIGURATION) return 'Transient';
  if (status === 408 || status === 409 || status === 425) return 'Transient';
  return status === 422 ? 'ContentConflict' : 'Permanent';
}
