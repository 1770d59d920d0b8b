import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import payments from './streams.js';

const payment = { id: 'p-1', customer: 'ada@example.com', amount: 12.5 };

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'payments-'));
  // The sink's folder counts from the working directory.
  process.chdir(directory);
});
after(async () => {
  process.chdir('/');
  await rm(directory, { recursive: true });
});

/** One attempt to deliver a message, as a bridge worker makes it: schema, message id, sink. */
async function deliver(value: unknown) {
  const message = payments.schema.parse(value);
  const record = {
    ...{ topic: payments.topic, partition: 0, offset: 0, timestamp: Date.now(), headers: [] },
    ...{ key: null, value: Buffer.from(JSON.stringify(value)) },
  };
  const messageId = String(payments.messageId(message, record));
  const given = { ...record, stream: payments.name, workflowId: 'test', messageId, message };
  return payments.sink.write(given, { signal: AbortSignal.timeout(5_000), attempt: 1 });
}

test('a payment is stored under its id', async () => {
  const { outcome, location } = await deliver(payment);
  assert.equal(outcome, 'written');
  assert.deepEqual(JSON.parse(await readFile(location!, 'utf8')), payment);
});

test('the same payment again is a duplicate', async () => {
  assert.equal((await deliver(payment)).outcome, 'duplicate');
});

test('another payment under the same id is refused for good', async () => {
  const other = { ...payment, amount: 13 };
  await assert.rejects(deliver(other), { name: 'DeliveryError', type: 'ContentConflict' });
});

test('a payment without a positive amount does not match the schema', () => {
  const { success } = payments.schema.safeParse({ ...payment, amount: -1 });
  assert.equal(success, false);
});
