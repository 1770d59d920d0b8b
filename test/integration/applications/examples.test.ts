import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
// The built package, as a user's program and the examples import it.
import { createBridgeWorker, createLogger, type Service, type Stream } from 'cloudsync';
import { createReceiver } from '../../../examples/http-sink/receiver';
import type shipments from '../../../examples/http-sink/streams';
import ordersStream from '../../../examples/own-stream/streams';
import { createWarehouse } from '../../../examples/own-stream/warehouse';
import { createStockService } from '../../../examples/two-step-workflow/stock-service';
import reservationsStream from '../../../examples/two-step-workflow/streams';
import { deadLetterHeader } from '../../../src/domain/workflow/dead-letter';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { uniqueName, until, World } from '../support/world';

jest.setTimeout(120_000);

const releases: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

/** The example's stream with a topic, a group and a task queue that no other test has used. */
async function start<Message>(example: Stream<Message>) {
  const name = uniqueName(example.name);
  const names = { groupId: `${name}-group`, deadLetterTopic: `${name}-dlq`, taskQueue: name };
  const stream: Stream<Message> = { ...example, ...names, name, topic: name };
  const world = new World();
  releases.push(() => world.close());
  await world.createTopics(stream, 1);
  const { kafka, temporal } = world.settings;
  const logger = createLogger('silent');
  const bridge: Service = await createBridgeWorker({ kafka, temporal, streams: [stream], logger });
  bridge.ended.catch(() => undefined);
  releases.push(() => bridge.stop());
  const send = (values: object[]) =>
    world.send(
      stream.topic,
      values.map((value) => ({ value: JSON.stringify(value) })),
    );
  return { world, stream, send };
}

/** Runs an example's stand-in service, and sets its address in the variable that the example reads. */
async function serve(variable: string, server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env[variable] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  releases.push(async () => {
    delete process.env[variable];
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
}

async function statusOf(workflowId: string): Promise<string> {
  const { namespace, connection: options } = new World().settings.temporal;
  const connection = await Connection.connect({ address: options.address! });
  try {
    const client = new Client({ connection, namespace });
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  } finally {
    await connection.close();
  }
}

const errorTypes = (letters: KafkaRecord[], field = 'orderNumber') =>
  Object.fromEntries(
    letters.map((letter) => [
      (JSON.parse(letter.value!.toString()) as { [name: string]: string })[field]!,
      deadLetterHeader(letter, 'error-type'),
    ]),
  );

test('own-stream: valid orders reach the warehouse, and the others are dead-lettered', async () => {
  const orders = new Map<string, string>();
  await serve('WAREHOUSE_URL', createWarehouse(orders));
  const { world, stream, send } = await start(ordersStream);
  const order = (orderNumber: string, sku = 'pencil', customer = 'ada@example.com') => ({
    orderNumber,
    customer,
    items: [{ sku, quantity: 1 }],
  });
  await send([order('1'), order('2')]);
  await until('the first two taken', () => orders.size === 2);
  await send([
    order('1'),
    order('3', 'discontinued'),
    order('4', 'pencil', 'nobody'),
    order('2', 'paper'),
  ]);
  await until('all ended', async () => (await world.records(stream.deadLetterTopic)).length === 3);
  await until('all committed', async () => (await world.lag(stream)) === 0);
  expect([...orders.keys()].sort()).toEqual(['1', '2']);
  const letters = await world.records(stream.deadLetterTopic);
  expect(errorTypes(letters)).toEqual({
    '2': 'ContentConflict',
    '3': 'Permanent',
    '4': 'SchemaMismatch',
  });
  // The framework uses the error classes of the user's module, so a permanent error has one attempt.
  expect(letters.map((letter) => deadLetterHeader(letter, 'attempts')).sort()).toEqual([
    '0',
    '1',
    '1',
  ]);
});

test('own-stream: an order is delivered after the warehouse has failed for a while', async () => {
  const orders = new Map<string, string>();
  const warehouse = createWarehouse(orders);
  let failures = 5;
  const [handler] = warehouse.listeners('request') as [(...args: unknown[]) => void];
  warehouse.removeAllListeners('request').on('request', (request, response) => {
    if (failures-- > 0)
      response.writeHead(failures === 1 ? 429 : 503, { 'retry-after': '1' }).end();
    else handler(request, response);
  });
  await serve('WAREHOUSE_URL', warehouse);
  const { send } = await start(ordersStream);
  const items = [{ sku: 'paper', quantity: 2 }];
  await send([{ orderNumber: '1', customer: 'ada@example.com', items }]);
  await until('delivered', () => orders.has('1'));
});

test('http-sink: valid shipments reach the receiver with a signature, and the others are dead-lettered', async () => {
  const taken = new Map<string, string>();
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  await serve('SHIPMENTS_URL', createReceiver(taken, secret));
  process.env.WEBHOOK_SECRET = secret;
  releases.push(() => Promise.resolve(delete process.env.WEBHOOK_SECRET));
  // The module reads both variables when it is loaded.
  const module = '../../../examples/http-sink/streams';
  const { default: example } = jest.requireActual<{ default: typeof shipments }>(module);
  const { world, stream, send } = await start(example);
  const lines = await readFile(join(__dirname, `${module}/../shipments.ndjson`), 'utf8');
  const values = lines.trimEnd().split('\n');
  // The first message of each id is sent first: the stream has no order, so either S-2 could win otherwise.
  await send(values.slice(0, 2).map((line) => JSON.parse(line) as object));
  await until('the first two taken', () => taken.size === 2);
  await send(values.slice(2).map((line) => JSON.parse(line) as object));
  await until('all ended', async () => (await world.records(stream.deadLetterTopic)).length === 2);
  await until('all committed', async () => (await world.lag(stream)) === 0);
  expect(Object.fromEntries(taken)).toEqual({ 'S-1': values[0], 'S-2': values[1] });
  expect(errorTypes(await world.records(stream.deadLetterTopic), 'id')).toEqual({
    'S-2': 'ContentConflict',
    'S-3': 'SchemaMismatch',
  });
});

test('two-step-workflow: an order is reserved and confirmed, or released and dead-lettered', async () => {
  const reservations = new Map<string, 'reserved' | 'confirmed'>();
  await serve('STOCK_URL', createStockService(reservations));
  const { world, stream, send } = await start(reservationsStream);
  await send([
    { orderNumber: 'good', sku: 'pencil', quantity: 1 },
    { orderNumber: 'sold', sku: 'sold-out', quantity: 1 },
    { orderNumber: 'unpaid-1', sku: 'paper', quantity: 1 },
    { orderNumber: 'invalid' },
  ]);
  await until('all ended', async () => (await world.records(stream.deadLetterTopic)).length === 3);
  await until('confirmed', () => reservations.get('good') === 'confirmed');
  // An order that could not be confirmed reserves no stock.
  expect([...reservations.keys()]).toEqual(['good']);
  expect(errorTypes(await world.records(stream.deadLetterTopic))).toEqual({
    sold: 'OutOfStock',
    'unpaid-1': 'Permanent',
    invalid: 'SchemaMismatch',
  });
  const statusIs = (id: string, status: string) =>
    until(`${id} ${status}`, async () => (await statusOf(id)) === status);
  await statusIs(`${stream.name}-good-0`, 'COMPLETED');
  await statusIs(`${stream.name}-sold-1`, 'FAILED');
  await statusIs(`${stream.name}-unpaid-1-2`, 'FAILED');
});
