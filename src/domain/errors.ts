/**
 * The one question an error answers here: does another attempt help? Sinks throw these, or supply a
 * classifier that maps the errors of their client library to a {@link DeliveryFailure}.
 */
export type DeliveryFailureType =
  /** The sink, or the way to it, failed for now. Retried under the stream's policy. */
  | 'Transient'
  /** The sink asks for less. Retried, not before `retryAfterMs`. */
  | 'Throttled'
  /** This record can't be delivered as it is. Dead-lettered at once. */
  | 'Permanent'
  /** The sink holds other content under the same message id. Dead-lettered at once. */
  | 'ContentConflict';

export interface DeliveryFailure {
  type: DeliveryFailureType;
  message: string;
  /** Milliseconds to wait before the next attempt; only with `Throttled` and `Transient`. */
  retryAfterMs?: number;
}

export type ErrorClassifier = (error: unknown) => DeliveryFailure | undefined;

export function isRetryable(type: DeliveryFailureType): boolean {
  return type === 'Transient' || type === 'Throttled';
}

/**
 * Marks delivery errors across copies of this package: a stream module may have been loaded with a copy
 * of its own, and `instanceof` would not know its errors.
 */
const DELIVERY_ERROR = Symbol.for('cloudsync.DeliveryError');

/** Thrown by a sink that knows whether a retry helps. */
export class DeliveryError extends Error {
  readonly [DELIVERY_ERROR] = true;
  override readonly name = 'DeliveryError';
  readonly type: DeliveryFailureType;
  readonly retryAfterMs: number | undefined;

  constructor(
    type: DeliveryFailureType,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.type = type;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * The class of any error: the sink's own word first, then the error's. An error nobody knows counts
 * as transient, because a needless retry costs little and a needless dead letter costs a person.
 */
export function classifyError(error: unknown, sinkClassifier?: ErrorClassifier): DeliveryFailure {
  if (isDeliveryError(error)) {
    const { type, message, retryAfterMs } = error;
    return knownType({ type, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  try {
    const failure = sinkClassifier?.(error);
    if (failure) return knownType(failure);
  } catch {
    // A classifier that trips over an error does not know it.
  }
  return { type: 'Transient', message: errorMessage(error) };
}

const TYPES: readonly string[] = ['Transient', 'Throttled', 'Permanent', 'ContentConflict'];

/** A class that does not exist, from a module without types, must not decide for a dead letter. */
function knownType(failure: DeliveryFailure): DeliveryFailure {
  if (TYPES.includes(failure.type)) return failure;
  const message = `${failure.message} (the sink called it ${String(failure.type)})`;
  return { ...failure, type: 'Transient', message };
}

export function isDeliveryError(error: unknown): error is DeliveryError {
  return typeof error === 'object' && error !== null && DELIVERY_ERROR in error;
}

/** A readable message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  try {
    const { message, code } = Object(error) as { message?: unknown; code?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    return typeof code === 'string' ? code : String(error);
  } catch {
    // An object without a prototype has no text, and a getter may throw.
    return 'an error that can not be shown';
  }
}

/** The message and, unless it holds that already, its cause's: clients say what they tried, causes why not. */
export function errorWithCause(error: unknown): string {
  const message = messageWithParts(error);
  const cause = (error as { cause?: unknown } | null | undefined)?.cause;
  if (cause === undefined) return message;
  const reason = messageWithParts(cause);
  return message.includes(reason) ? message : `${message}: ${reason}`;
}

/** An error that stands for several, as an AggregateError does, keeps the reasons in `errors`. */
function messageWithParts(error: unknown): string {
  const message = errorMessage(error);
  const { errors } = Object(error) as { errors?: unknown };
  if (!Array.isArray(errors)) return message;
  const reasons = [...new Set(errors.slice(0, MAX_REASONS).map(errorMessage))];
  const news = reasons.filter((reason) => !message.includes(reason));
  return [message, ...(news.length > 0 ? [news.join('; ')] : [])].join(': ');
}

const MAX_REASONS = 5;

/** Bad input by the person who runs CloudSync: shown without a stack, exit code 2 in the CLI. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
