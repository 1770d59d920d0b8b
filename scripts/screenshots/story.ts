import { z } from 'zod';
import { DeliveryError } from '../../src/domain/errors';
import { defineStream, type AnyStream } from '../../src/domain/stream/stream';
import { decideLetters } from '../../src/operations/dead-letters/discard';
import { listDeadLetters } from '../../src/operations/dead-letters/dead-letters-list';
import { until, type World } from '../../test/integration/support/world';

/** Who decides in the story. The name of the person who takes the screenshots is nobody's business. */
const OPERATOR = 'ops@example';

const payment = z.object({
  id: z.string(),
  customer: z.email(),
  amount: z.number().positive(),
  currency: z.string().length(3),
});
const invoice = z.object({ id: z.string(), total: z.number() });

/** A retry that waits for longer than the story takes. */
const retry = { fastAttempts: 1, maximumAttempts: 10, initialIntervalMs: 600_000 };

const payments = defineStream({
  name: 'payments',
  topic: 'shop.payments',
  schema: payment,
  retry,
  sink: ({ message: { customer } }) => {
    if (customer.startsWith('edsger')) {
      throw new DeliveryError('Permanent', `no account of ${customer}: open one, then replay`);
    }
    if (customer.startsWith('barbara')) {
      throw new DeliveryError('Transient', 'the ledger answered 503: closed until 14:00');
    }
    return Promise.resolve();
  },
});
const invoices = defineStream({
  name: 'invoices',
  topic: 'shop.invoices',
  schema: invoice,
  sink: () => Promise.resolve(),
});

/** What the story leaves. The page has to show it before anybody takes a picture. */
export const OUTCOME = { open: 5, waiting: 1 };

/**
 * Payments of which most are delivered, four have no account, two are no payments, and one waits for the ledger. One of the
 * dead letters is discarded. Invoices are all delivered.
 */
export async function tellStory(world: World): Promise<AnyStream[]> {
  const streams = [payments, invoices];
  for (const stream of streams) await world.createTopics(stream, 4);
  await world.bridge(...streams);
  const customers = ['ada', 'grace', 'alan', 'edsger', 'katherine', 'margaret', 'john', 'radia'];
  const paid = Array.from({ length: 30 }, (_, index) => ({
    id: `pay-${1041 + index}`,
    customer: `${customers[index % customers.length]}@example.com`,
    amount: 15 + ((index * 37) % 90),
    currency: 'EUR',
  }));
  await send(world, payments, [
    ...paid,
    { id: 'pay-1071', customer: 'barbara@example.com', amount: 99, currency: 'EUR' },
    { id: 'pay-1072', customer: 'dennis@example.com', amount: '12,50', currency: 'EUR' },
    { id: 'pay-1073', customer: 'ken@example.com', amount: 7, currency: 'euro' },
  ]);
  const totals = Array.from({ length: 84 }, (_, index) => ({ id: `inv-${index}`, total: index }));
  await send(world, invoices, totals);
  await until('six payments are dead', async () => (await dead(world)).length === 6);
  const letters = await dead(world);
  const reason = 'paid by bank transfer';
  const decision = { status: 'discarded' as const, by: OPERATOR, reason };
  const paidOtherwise = letters.filter(({ messageId }) => messageId === 'pay-1044');
  await decideLetters(world.kafka(), payments, paidOtherwise, decision);
  return streams;
}

const dead = (world: World) => listDeadLetters(world.kafka(), [payments], {});

function send(
  world: World,
  { topic }: AnyStream,
  messages: (Record<string, unknown> & { id: string })[],
): Promise<void> {
  const records = messages.map((one) => ({ key: one.id, value: Buffer.from(JSON.stringify(one)) }));
  return world.send(topic, records);
}
