/**
 * Maps the items with at most `limit` of them in work, and yields the results in the items' order. After
 * an error, or when the caller leaves, it still waits for those in work: nothing runs on unseen.
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
      // It is awaited later; until then a rejection must not count as unhandled.
      result.catch(() => undefined);
      inWork.push(result);
      if (inWork.length >= limit) yield await inWork.shift()!;
    }
    while (inWork.length > 0) yield await inWork.shift()!;
  } finally {
    await Promise.allSettled(inWork);
  }
}
