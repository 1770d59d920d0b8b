/**
 * Says whether another attempt helps; nothing else about an error matters here. A sink throws a
 * {@link DeliveryError} of one of these types. Or it has a classifier, which maps the errors of its client
 * library to a {@link DeliveryFailure}.
 */
export type DeliveryFailureType =
  /** The sink, or the way to it, failed for now. Retried under the stream's policy. */
  | 'Transient'
  /** The sink asks for fewer requests. Retried, but not before `retryAfterMs`. */
  | 'Throttled'
  /** This record can't be delivered as it is. Dead-lettered at once. */
  | 'Permanent'
  /** The sink has other content under the same message id. Dead-lettered at once. */
  | 'ContentConflict';

/** What docs/reference/errors.md says about a type of error, in Markdown. Links start in docs/reference. */
export interface ErrorTypeFacts {
  /** Who gives an error this type, and when. */
  givenBy: string;
  /** Whether another attempt is made, and what happens if not. */
  anotherAttempt: string;
}

const DEAD_AT_ONCE =
  'no, dead-lettered at once; in the chunk lane after one attempt more, by its own workflow: see [lanes](../guides/lanes.md)';

/** The facts of each type of delivery failure. */
export const DELIVERY_FAILURE_TYPES: Readonly<Record<DeliveryFailureType, ErrorTypeFacts>> = {
  Transient: {
    givenBy: 'the sink, its classifier, any unknown error',
    anotherAttempt: "yes, under the stream's retry policy",
  },
  Throttled: {
    givenBy: 'the sink, its classifier',
    anotherAttempt: 'yes, not before `retryAfterMs`',
  },
  Permanent: { givenBy: 'the sink, its classifier', anotherAttempt: DEAD_AT_ONCE },
  ContentConflict: {
    givenBy: 'the sink: it has other content under the same message id',
    anotherAttempt: DEAD_AT_ONCE,
  },
};

/** Why an attempt failed, in the terms that CloudSync decides by. */
export interface DeliveryFailure {
  /** Whether another attempt helps, and when. */
  type: DeliveryFailureType;
  /** What went wrong, for people: it stands in logs, in the Temporal UI and in the dead letter. No secrets. */
  message: string;
  /** Milliseconds to wait before the next attempt; only with `Throttled` and `Transient`. */
  retryAfterMs?: number;
}

/** Maps an error of a client library to a {@link DeliveryFailure}; `undefined` for an error that it does not know. */
export type ErrorClassifier = (error: unknown) => DeliveryFailure | undefined;

export function isRetryable(type: DeliveryFailureType): boolean {
  return type === 'Transient' || type === 'Throttled';
}

/**
 * Marks delivery errors across copies of this package. A stream module may have loaded a copy of its own, and
 * `instanceof` does not recognize the errors of another copy.
 */
const DELIVERY_ERROR = Symbol.for('cloudsync.DeliveryError');

/** An error of a sink that knows whether a retry helps. */
export class DeliveryError extends Error {
  /** @internal */
  readonly [DELIVERY_ERROR] = true;
  /** Always `DeliveryError`. */
  override readonly name = 'DeliveryError';
  /** Whether another attempt helps, and when. */
  readonly type: DeliveryFailureType;
  /** Milliseconds to wait before the next attempt; `undefined`: as the stream's retry policy says. */
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
 * Classifies any error. A {@link DeliveryError} says its type itself; for all others the sink's classifier is
 * asked. An unknown error counts as transient, because a needless retry costs little and a needless dead
 * letter costs a person's time.
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
    // A classifier that throws does not know the error.
  }
  return { type: 'Transient', message: errorMessage(error) };
}

const TYPES: readonly string[] = Object.keys(DELIVERY_FAILURE_TYPES);

/**
 * Turns an unknown type into `Transient`. A module without types may use a type that does not exist, and it
 * must not cause a dead letter.
 */
function knownType(failure: DeliveryFailure): DeliveryFailure {
  if (TYPES.includes(failure.type)) return failure;
  const message = `${failure.message} (the sink's error type ${String(failure.type)} is unknown)`;
  return { ...failure, type: 'Transient', message };
}

export function isDeliveryError(error: unknown): error is DeliveryError {
  return typeof error === 'object' && error !== null && DELIVERY_ERROR in error;
}

/** A readable message for anything that was thrown. */
export function errorMessage(error: unknown): string {
  try {
    const { message, code } = Object(error) as { message?: unknown; code?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    return typeof code === 'string' ? code : String(error);
  } catch {
    // An object without a prototype has no text, and a getter may throw.
    return 'an error without a readable message';
  }
}

/**
 * The error's message and, unless the message contains it already, the message of its cause. Clients say what
 * they tried; causes say why it failed.
 */
export function errorWithCause(error: unknown): string {
  const message = messageWithParts(error);
  const cause = propertyOf(error, 'cause');
  if (cause === undefined) return message;
  const reason = messageWithParts(cause);
  return message.includes(reason) ? message : `${message}: ${reason}`;
}

/**
 * The message of an error, with up to five of the reasons in `errors`: an AggregateError stands for several
 * errors.
 */
function messageWithParts(error: unknown): string {
  const message = errorMessage(error);
  const errors = propertyOf(error, 'errors');
  if (!Array.isArray(errors)) return message;
  const reasons = [...new Set(errors.slice(0, MAX_REASONS).map(errorMessage))];
  const news = reasons.filter((reason) => !message.includes(reason));
  return [message, ...(news.length > 0 ? [news.join('; ')] : [])].join(': ');
}

const MAX_REASONS = 5;

/** The value of a property; undefined if its getter throws. */
function propertyOf(error: unknown, name: 'cause' | 'errors'): unknown {
  try {
    return (Object(error) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** Wrong input from the person who runs CloudSync. It is shown without a stack; the CLI exits with code 2. */
export class UsageError extends Error {
  /** Always `UsageError`. */
  override readonly name = 'UsageError';
}
