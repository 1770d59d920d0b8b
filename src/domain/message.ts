import { z } from 'zod';

/** At most this many characters (UTF-16 code units) in a message id. */
export const MAX_MESSAGE_ID_LENGTH = 1024;

/** A message of the reference streams `aws` and `azure`. Keys it does not name are delivered too. */
export const messageSchema = z.object({
  id: z.string().min(1).max(MAX_MESSAGE_ID_LENGTH),
  type: z.string().min(1),
  occurredAt: z.iso.datetime({ offset: true }),
  payload: z.json(),
});

export type Message = z.output<typeof messageSchema>;
