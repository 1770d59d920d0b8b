/**
 * Runs `use` for every item, at most `limit` at once. After an error no further item is started; once all
 * running items have ended, it rejects with the first error.
 */
export async function eachOf<T>(
  limit: number,
  items: readonly T[],
  use: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const errors: unknown[] = [];
  const run = async () => {
    while (next < items.length && !failed) {
      try {
        await use(items[next++]!);
      } catch (error) {
        failed = true;
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  if (failed) throw errors[0];
}
