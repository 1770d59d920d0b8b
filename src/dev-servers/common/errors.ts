/** A local server can't be provided, started or stopped; the message says what to do about it. */
export class LocalServerError extends Error {
  override readonly name = 'LocalServerError';
}
