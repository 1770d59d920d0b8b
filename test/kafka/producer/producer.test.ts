import { createKafka, isRetriableKafkaError, type Kafka } from '../../../src/kafka/kafka';
import { createProducer } from '../../../src/kafka/producer/producer';
import { BatchingProducer } from '../../../src/kafka/producer/batching-producer';
import { createLogger } from '../../../src/telemetry/logger';

/**
 * A cluster of two brokers and a topic of two partitions, in place of kafkajs's own. The first request to
 * broker 0 is refused, because its partition has moved to broker 1.
 */
class MovingCluster {
  readonly stored = new Map<number, string[]>();
  readonly targetTopics = new Set<string>();
  readonly retry = {};
  readonly brokerPool = {
    metadata: null,
    createBroker: () => ({}),
    refreshMetadata: () => Promise.resolve(),
  };
  #leaders = [0, 1];

  connect = () => Promise.resolve();
  disconnect = () => Promise.resolve();
  addMultipleTargetTopics = () => Promise.resolve();
  refreshMetadata = () => Promise.resolve();
  refreshMetadataIfNecessary = () => Promise.resolve();
  isConnected = () => true;
  removeBroker = () => undefined;
  findTopicPartitionMetadata = () =>
    this.#leaders.map((leader, partitionId) => ({ leader, partitionId }));

  findLeaderForPartitions(_: string, partitions: string[]): Record<string, number[]> {
    const found: Record<string, number[]> = {};
    for (const id of partitions.map(Number)) (found[this.#leaders[id]!] ??= []).push(id);
    return found;
  }

  /** The brokers. They are the same objects each time, as in kafkajs. */
  readonly #brokers = ['0', '1'].map((nodeId) => ({
    nodeId,
    produce: (request: Request) => this.#produce(nodeId, request),
  }));
  findBroker = ({ nodeId }: { nodeId: string }) => Promise.resolve(this.#brokers[Number(nodeId)]);

  values = () => [...new Set([...this.stored.values()].flat())].sort();

  async #produce(nodeId: string, { topicData }: Request) {
    if (nodeId === '0') {
      // The other broker answers first.
      await new Promise((resolve) => setTimeout(resolve, 20));
      this.#leaders = [1, 1];
      const type = 'NOT_LEADER_FOR_PARTITION';
      throw new KafkaJSProtocolError(
        Object.assign(new Error(type), { type, code: 6, retriable: true }),
      );
    }
    const [{ partitions }] = topicData;
    for (const { partition, messages } of partitions) {
      const values = messages.map(({ value }) => value.toString());
      this.stored.set(partition, [...(this.stored.get(partition) ?? []), ...values]);
    }
    return { topics: [] };
  }
}

const { KafkaJSProtocolError } = jest.requireActual<{
  KafkaJSProtocolError: new (error: Error) => Error;
}>('kafkajs');

interface Request {
  topicData: [{ partitions: { partition: number; messages: { value: Buffer }[] }[] }];
}

function kafkaOn(cluster: MovingCluster): Kafka {
  const settings = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false };
  const kafka = createKafka(settings, createLogger('silent'));
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )!;
  return Object.assign(kafka, { [symbol]: () => cluster });
}

const values = ['a', 'b', 'c', 'd'];
const records = values.map((value) => ({ key: Buffer.from(value), value: Buffer.from(value) }));

describe('acknowledged records are stored when a partition moves to a broker that has answered', () => {
  test('with the batching producer', async () => {
    const cluster = new MovingCluster();
    const client = createProducer(kafkaOn(cluster), { tries: 1 });
    await client.connect();
    const producer = new BatchingProducer({
      send: (messages) => client.send({ topic: 'orders', acks: -1, messages }),
      isRetriable: isRetriableKafkaError,
      reasonOf: String,
      limits: {
        ...{ batchRecords: 10, batchBytes: () => 1_000, lingerMs: 0, inFlight: 1 },
        ...{ queueRecords: 10, queueBytes: 1_000, deliveryTimeoutMs: 5_000 },
      },
    });
    expect(await producer.send(records)).toEqual({ missing: [] });
    expect(cluster.values()).toEqual(values);
  });

  test('with a producer that retries by itself', async () => {
    const cluster = new MovingCluster();
    const client = createProducer(kafkaOn(cluster));
    await client.connect();
    await client.send({ topic: 'orders', acks: -1, messages: records });
    expect(cluster.values()).toEqual(values);
  });
});

test('a producer does not retry after its signal has aborted, and reports the failure of the last try', async () => {
  const cluster = new MovingCluster();
  const client = createProducer(kafkaOn(cluster));
  await client.connect();
  const controller = new AbortController();
  const sent = client.send({ topic: 'orders', acks: -1, messages: records }, controller.signal);
  controller.abort();
  await expect(sent).rejects.toThrow('NOT_LEADER_FOR_PARTITION');
  // Broker 1 has stored its records of the first try. A second try would have added the others.
  expect(cluster.values().length).toBeLessThan(values.length);
});
