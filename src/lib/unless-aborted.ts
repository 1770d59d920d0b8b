/**
 * Waits for a promise until the signal aborts. Resolves with the value, or with undefined if the signal comes
 * first. It leaves no listener on the signal and no reference to a settled promise, because both would add up
 * in a loop.
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<{ value: T } | undefined> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([promise.then((value) => ({ value })), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
