import { LocalServerError } from '../common/errors';

/**
 * Returns the results of starts that run in parallel. It waits for all of them, so that no start continues after
 * an error. It throws one error with the messages of all errors, each once.
 */
export async function together<T extends readonly unknown[] | []>(
  starts: T,
): Promise<{ -readonly [Key in keyof T]: Awaited<T[Key]> }> {
  const results = await Promise.allSettled(starts);
  const errors = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  if (errors.length > 0) {
    const messages = new Set(errors.map(({ message }) => message));
    throw new LocalServerError([...messages].join('\n\n'), { cause: errors[0] });
  }
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as never;
}
