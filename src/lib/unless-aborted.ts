/**
 * The value of a promise, or undefined when the signal comes first. It leaves no listener at the signal,
 * and holds nothing of a promise that has settled: both would add up in a loop.
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
