import { defineStream, fileSystemSink } from 'cloudsync';
import { z } from 'zod';

const payment = z.object({
  id: z.string().min(1),
  customer: z.email(),
  amount: z.number().positive(),
});

export default defineStream({
  name: 'payments',
  topic: 'shop.payments',
  schema: payment,
  sink: fileSystemSink({ directory: '.cloudsync/payments' }),
  retry: { maximumAttempts: 10 },
});
