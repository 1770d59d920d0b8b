/**
 * Milliseconds from the value of a `Retry-After` header: whole seconds, or an HTTP date. `undefined` if there is
 * no value, if it can't be read, or if it lies in the past.
 */
export function retryAfterMs(
  value: string | null | undefined,
  now = Date.now(),
): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return milliseconds > 0 ? milliseconds : undefined;
}
