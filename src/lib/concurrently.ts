/**
 * Maps items, at most `limit` at once, and yields the results in the order of the items. After an error, or
 * if the caller stops early, it still waits for the items in work, so that nothing continues unnoticed.
 */
export async function* mapConcurrently<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const inWork: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = map(item);
      // The result is awaited later. Until then a rejection must not count as unhandled.
      result.catch(() => undefined);
      inWork.push(result);
      if (inWork.length >= limit) yield await inWork.shift()!;
    }
    while (inWork.length > 0) yield await inWork.shift()!;
  } finally {
    await Promise.allSettled(inWork);
  }
}
