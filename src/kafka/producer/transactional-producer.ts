import type { Kafka, ProducerRecord, RecordMetadata } from 'kafkajs';
import { topicByTopic } from '../kafkajs-patches/leaderless';
import { persistently } from '../persistently';
import { createPartitioner } from './producer';

/** Sends records as part of the transaction. Each call must be for one partition of one topic. */
export type SendInTransaction = (record: Omit<ProducerRecord, 'acks'>) => Promise<RecordMetadata>;

export interface TransactionalProducer {
  /**
   * Runs `work`, whose records appear on their topics all together or not at all. One transaction at a time: a call waits
   * for those before it. If `work` fails, or the broker refuses the end, nothing of it is visible to readers of
   * committed records. The exception is a lost answer to the last request: then a later {@link openTransactional} decides.
   */
  transaction<T>(work: (send: SendInTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * The broker ends a transaction that lasts longer, in milliseconds. A dead process's transaction keeps readers of
 * committed records waiting for this long.
 */
const TRANSACTION_TIMEOUT_MS = 15_000;
/** A transaction that a dead process left is over after its timeout. The broker says so by this error until then. */
const BUSY = ['CONCURRENT_TRANSACTIONS'];
const OPEN = { deadlineMs: 45_000, pauseMs: 250 };
/** The broker writes the marks of a transaction just after it has answered. The next transaction waits for them. */
const NEXT = { deadlineMs: 15_000, pauseMs: 5 };

/**
 * Makes the only producer with this transactional id. Producers that were opened before it, in any process, can send
 * nothing more: the broker refuses them. A transaction that such a producer has left open is over when this resolves.
 */
export async function openTransactional(
  kafka: Kafka,
  transactionalId: string,
): Promise<TransactionalProducer> {
  const producer = topicByTopic(kafka).producer({
    ...{ transactionalId, createPartitioner, allowAutoTopicCreation: false },
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    idempotent: true,
    maxInFlightRequests: 1,
    // kafkajs needs one retry here at least. It waits before it, also for the marks of the transaction before.
    retry: { retries: 1, initialRetryTime: 10, maxRetryTime: 50 },
  });
  let last: Promise<unknown> = Promise.resolve();

  async function run<T>(work: (send: SendInTransaction) => Promise<T>): Promise<T> {
    const transaction = await producer.transaction();
    const send: SendInTransaction = async (record) => {
      const sending = () => transaction.send({ ...record, acks: -1 });
      const [sent] = await persistently(BUSY, sending, NEXT);
      if (!sent) throw new Error(`${record.topic} did not take a record`);
      return sent;
    };
    try {
      const result = await work(send);
      await transaction.commit();
      return result;
    } catch (error) {
      if (transaction.isActive()) await transaction.abort().catch(() => undefined);
      throw error;
    }
  }

  try {
    await producer.connect();
    // kafkajs registers the id with the broker at the first transaction.
    const first = await persistently(BUSY, () => producer.transaction(), OPEN);
    await first.abort();
  } catch (error) {
    await producer.disconnect();
    throw error;
  }
  return {
    transaction(work) {
      const result = last.then(() => run(work));
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      await last;
      await producer.disconnect();
    },
  };
}
