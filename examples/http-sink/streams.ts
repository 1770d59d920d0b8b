import { env } from 'node:process';
import { defineStream, httpSink } from 'cloudsync';
import { z } from 'zod';

const shipment = z.object({
  id: z.string().min(1),
  order: z.string(),
  carrier: z.enum(['post', 'courier']),
});

/** Each shipment is told to a service over HTTP, signed so that it knows who speaks. */
export default defineStream({
  name: 'shipments',
  topic: 'shop.shipments',
  schema: shipment,
  sink: httpSink({
    url: env.SHIPMENTS_URL ?? 'http://127.0.0.1:8788/shipments',
    // Of two, separated by a comma, each makes a signature: that is how a secret is replaced.
    ...(env.WEBHOOK_SECRET && { secret: env.WEBHOOK_SECRET.split(',') }),
    timeoutMs: 3_000,
  }),
});
