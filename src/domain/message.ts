import { z } from 'zod';

/** At most this many characters (UTF-16 code units) in a message id. */
export const MAX_MESSAGE_ID_LENGTH = 1024;

/** A message of the reference streams `aws` and `azure`. Keys it does not name are delivered too. */
export const messageSchema = z.object({
  id: z.string().min(1).max(MAX_MESSAGE_ID_LENGTH),
  type: z.string().min(1),
  occurredAt: z.iso.datetime({ offset: true }),
  payload: z.custom<z.core.util.JSONType>(isJson, 'Invalid input: expected JSON'),
});

/** As `z.json()`, which takes longer than all else that is done for a message. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean';
  if (value === null) return true;
  if (Array.isArray(value)) return value.every(isJson);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && Object.values(value).every(isJson);
}

export type Message = z.output<typeof messageSchema>;
