import { fastify, type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { defineStream } from '../../../src/domain/stream/stream';
import type { OperatorPageOptions } from '../../../src/page/options';
import { operatorPage } from '../../../src/page/operator-page';
import { createLogger } from '../../../src/telemetry/logger';

/** A port that nobody listens on. */
const NOBODY = '127.0.0.1:1';

export const payments = defineStream({
  name: 'payments',
  topic: 'shop.payments',
  schema: z.object({ id: z.string() }),
  sink: () => Promise.resolve(),
});

/** A page whose Kafka and Temporal are away. Screens that need neither work. */
export async function pageApp(
  options: Partial<OperatorPageOptions> = {},
  prefix = '',
): Promise<FastifyInstance> {
  const app = fastify();
  const page = operatorPage({
    streams: [payments],
    kafka: { brokers: [NOBODY], clientId: 'test', ssl: false },
    temporal: { namespace: 'default', connection: { address: NOBODY } },
    logger: createLogger('silent'),
    ...options,
  });
  await app.register(page, { prefix });
  return app;
}
