import { DeliveryError } from '../domain/errors';

/**
 * Runs a request for at most `limitMs`. If the time is over, throws a `Transient` {@link DeliveryError}. If the
 * caller's own signal aborts first, throws the signal's reason. Neither case waits for the request, because some
 * parts of a request ignore the signal, as the search for credentials does.
 */
export async function withinTime<T>(
  limitMs: number,
  outer: AbortSignal | undefined,
  request: (signal: AbortSignal) => Promise<T>,
  lateMessage = `no answer within ${limitMs} ms`,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  let cancel!: () => void;
  let timer!: NodeJS.Timeout;
  const ended = new Promise<never>((_, reject) => {
    const end = (reason: Error) => {
      reject(reason);
      controller.abort(reason);
    };
    cancel = () => end(outer!.reason as Error);
    const late = () => end(new DeliveryError('Transient', lateMessage));
    timer = setTimeout(late, limitMs);
  });
  // `AbortSignal.any` would outlive the request on some versions of Node.
  outer?.addEventListener('abort', cancel);
  try {
    return await Promise.race([request(controller.signal), ended]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', cancel);
  }
}
