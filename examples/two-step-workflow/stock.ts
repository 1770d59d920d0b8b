import { env } from 'node:process';
import { ApplicationFailure } from '@temporalio/common';
import { DeliveryError, type DeliverFunction, type RecordInput } from 'cloudsync';
import { z } from 'zod';

export const order = z.object({
  orderNumber: z.string().min(1).max(64),
  sku: z.string(),
  quantity: z.int().positive(),
});

/** Every step is idempotent by the order number: an attempt whose answer was lost is made again. */
function call(
  method: string,
  orderNumber: string,
  step: string,
  body: string | null = null,
): Promise<Response> {
  const base = env.STOCK_URL ?? 'http://127.0.0.1:8788';
  return fetch(new URL(`/reservations/${encodeURIComponent(orderNumber)}${step}`, base), {
    method,
    body,
    signal: AbortSignal.timeout(5_000),
  });
}

/** The first step, an activity of our own. A Temporal failure says whether a retry helps. */
export async function reserve({ messageId, content }: RecordInput): Promise<void> {
  if ('byReference' in content || typeof content.value !== 'string') {
    throw ApplicationFailure.nonRetryable('the record holds no text', 'Unreadable');
  }
  const { status } = await call('PUT', messageId, '', content.value);
  if (status === 410) throw ApplicationFailure.nonRetryable('out of stock', 'OutOfStock');
  if (status >= 400) throw new Error(`the stock service answered ${status}`);
}

/** Undoes the first step where the second one fails for good. */
export async function release(orderNumber: string): Promise<void> {
  const { status } = await call('DELETE', orderNumber, '');
  if (status >= 400 && status !== 404) throw new Error(`the stock service answered ${status}`);
}

/** The second step: the stream's sink. */
export const confirm: DeliverFunction<z.output<typeof order>> = async ({ messageId }) => {
  const { ok, status } = await call('PUT', messageId, '/confirmation');
  if (ok) return { outcome: status === 201 ? 'written' : 'duplicate' };
  const permanent = status >= 400 && status < 500;
  throw new DeliveryError(permanent ? 'Permanent' : 'Transient', `confirmation: ${status}`);
};
