import type { World } from './world';

/**
 * Sends values to partition 0 in a transaction and leaves it open. Returns what aborts the transaction:
 * until then nothing behind its first record can be read by a reader of committed records.
 */
export async function leaveTransactionOpen(
  world: World,
  topic: string,
  values: Buffer[],
): Promise<() => Promise<void>> {
  const producer = world.kafka().producer({
    ...{ transactionalId: `${topic}-open`, transactionTimeout: 60_000, maxInFlightRequests: 1 },
    ...{ idempotent: true, allowAutoTopicCreation: false },
  });
  await producer.connect();
  const transaction = await producer.transaction();
  const messages = values.map((value) => ({ value, partition: 0 }));
  await transaction.send({ topic, messages });
  return async () => {
    await transaction.abort();
    await producer.disconnect();
  };
}
