import { z } from 'zod';

/** The most characters (UTF-16 code units) that a message id may have. */
export const MAX_MESSAGE_ID_LENGTH = 1024;
/** The most levels of arrays and objects inside each other in a payload. */
const MAX_DEPTH = 1_000;

/**
 * A message of the reference streams `aws` and `azure`. Keys that the schema does not name are delivered too.
 */
export const messageSchema = z.object({
  /** The message's id: 1 to 1,024 characters. */
  id: z.string().min(1).max(MAX_MESSAGE_ID_LENGTH),
  /** What kind of message it is: 1 character or more. */
  type: z.string().min(1),
  /** When it happened: ISO 8601, with `Z` or an offset. */
  occurredAt: z.iso.datetime({ offset: true }),
  /** Any JSON, at most 1,000 levels deep. */
  payload: z.custom<z.core.util.JSONType>((value) => isJson(value), {
    error: ({ input }) =>
      input === undefined
        ? 'Invalid input: expected JSON, received undefined'
        : `Invalid input: expected JSON, ${MAX_DEPTH} levels deep at most`,
  }),
});

/**
 * Makes the same check as `z.json()`, which would take longer than all other work for a message. Every call
 * stack has room for `MAX_DEPTH` levels, so no process refuses a message that another process accepted.
 */
function isJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean';
  if (value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  const isJsonBelow = (child: unknown) => isJson(child, depth + 1);
  if (Array.isArray(value)) return value.every(isJsonBelow);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && Object.values(value).every(isJsonBelow);
}

/** A message of the reference streams, as {@link messageSchema} gives it. */
export type Message = z.output<typeof messageSchema>;
