import { env } from 'node:process';
import { defineStream, DeliveryError } from 'cloudsync';
import { z } from 'zod';

const order = z.object({
  orderNumber: z.string().min(1).max(64),
  customer: z.email(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1),
});

/** Each order goes to the warehouse, once. */
export default defineStream({
  name: 'orders',
  topic: 'shop.orders',
  schema: order,
  messageId: ({ orderNumber }) => orderNumber,
  // PUT is idempotent: the same order again changes nothing, so a repeated attempt does no harm.
  async sink({ messageId, value }, { signal }) {
    const base = env.WAREHOUSE_URL ?? 'http://127.0.0.1:8787';
    const response = await fetch(new URL(`/orders/${encodeURIComponent(messageId)}`, base), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(value),
      signal,
    });
    const { ok, status } = response;
    if (ok) return { outcome: status === 201 ? 'written' : 'duplicate' };
    const answer = `the warehouse answered ${status}`;
    if (status === 409) throw new DeliveryError('ContentConflict', answer);
    const retryAfterMs = 1000 * (Number(response.headers.get('retry-after')) || 1);
    if (status === 429) throw new DeliveryError('Throttled', answer, { retryAfterMs });
    const permanent = status >= 400 && status < 500 && status !== 408;
    throw new DeliveryError(permanent ? 'Permanent' : 'Transient', answer);
  },
});
