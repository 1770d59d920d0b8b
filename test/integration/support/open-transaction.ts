import type { World } from './world';

/**
 * Sends values to partition 0 in a transaction and leaves it open. Returns a function that aborts the transaction.
 * Until then a reader of committed records can not read beyond the first record of the transaction.
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
