import { z } from 'zod';

/** At most this many characters (UTF-16 code units) in a message id. */
export const MAX_MESSAGE_ID_LENGTH = 1024;
/** Arrays and objects in each other, in a payload. */
const MAX_DEPTH = 1_000;

/** A message of the reference streams `aws` and `azure`. Keys it does not name are delivered too. */
export const messageSchema = z.object({
  id: z.string().min(1).max(MAX_MESSAGE_ID_LENGTH),
  type: z.string().min(1),
  occurredAt: z.iso.datetime({ offset: true }),
  payload: z.custom<z.core.util.JSONType>(
    (value) => isJson(value),
    `Invalid input: expected JSON, ${MAX_DEPTH} levels deep at most`,
  ),
});

/**
 * As `z.json()`, which takes longer than all else that is done for a message. The limit of depth is one
 * that every call stack has room for: what one process has accepted no other refuses.
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

export type Message = z.output<typeof messageSchema>;
