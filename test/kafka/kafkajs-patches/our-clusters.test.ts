import pino from 'pino';
import { createConsumer, createKafka, type Kafka } from '../../../src/kafka/kafka';
import { createCluster, isOurs } from '../../../src/kafka/kafkajs-patches/our-clusters';

/** The fields of a kafkajs cluster that the tests use. Nothing listens at its broker's port. */
interface Cluster {
  connectionPoolBuilder: { build(destination: object): Promise<{ pool: Connection[] }> };
  brokerPool: { brokers: Record<string, object>; createBroker(settings: object): Broker };
  findGroupCoordinator(options: object): Promise<unknown>;
}
interface Broker {
  lock: { acquire(): Promise<void> };
  connect(): Promise<void>;
}
interface Connection {
  requestQueue: {
    pending: object[];
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    checkPendingRequests(): void;
    destroy(): void;
  };
}
interface Group {
  recoverFromFetch(error: Error): Promise<void>;
  joinAndSync(): Promise<void>;
  heartbeat(options: object): Promise<void>;
}
const ConsumerGroup = jest.requireActual<new (options: object) => Group>(
  'kafkajs/src/consumer/consumerGroup',
);

const { Kafka: PublishedKafka } = jest.requireActual<{
  Kafka: new (settings: object) => Kafka;
}>('kafkajs');

const settings = { brokers: ['127.0.0.1:1'], clientId: 'test' };
const own = () => createKafka({ ...settings, ssl: false }, pino({ level: 'silent' }));
/** A client that the program around CloudSync makes with the same kafkajs. */
const foreign = () => new PublishedKafka({ ...settings, logLevel: 0 });
const clusterOf = (kafka: Kafka) => createCluster<Cluster>(kafka, {});

test("isOurs recognizes the clusters of CloudSync's consumers, producers and admin clients", () => {
  const seen: object[] = [];
  const partitionAssigners = [
    ({ cluster }: { cluster: object }) => {
      seen.push(cluster);
      return {} as never;
    },
  ];
  createConsumer(own(), { groupId: 'g', partitionAssigners });
  foreign().consumer({ groupId: 'g', partitionAssigners });
  expect(seen.map(isOurs)).toEqual([true, false]);
  expect([isOurs(clusterOf(own())), isOurs(clusterOf(foreign()))]).toEqual([true, false]);
});

describe('the timer of waiting requests', () => {
  const armedBy = async (kafka: Kafka, pending: object[]) => {
    const { pool } = await clusterOf(kafka).connectionPoolBuilder.build({ host: 'h', port: 1 });
    return pool.map(({ requestQueue: queue }) => {
      queue.pending = pending;
      Object.assign(queue, { throttledUntil: Date.now() + 60_000 });
      queue.checkPendingRequests();
      const armed = queue.throttleCheckTimeoutId !== null;
      queue.destroy();
      return armed;
    });
  };

  test('is armed only while requests wait', async () => {
    expect(await armedBy(own(), [])).toEqual([false, false]);
    expect(await armedBy(own(), [{}])).toEqual([true, true]);
  });

  test('is always armed in a foreign client, as in kafkajs', async () => {
    expect(await armedBy(foreign(), [])).toEqual([true, true]);
  });
});

describe('the error about a coordinator that no broker knows', () => {
  const errorOf = async (kafka: Kafka) => {
    const cluster = clusterOf(kafka);
    // A known broker that does not answer.
    const broker = { isConnected: () => true, findGroupCoordinator: () => Promise.reject(Error()) };
    Object.assign(cluster.brokerPool, { brokers: { 1: broker } });
    return cluster.findGroupCoordinator({ groupId: 'g' }).catch((error: unknown) => error);
  };

  test('is retriable', async () => {
    const error = await errorOf(own());
    expect(error).toMatchObject({ name: 'KafkaJSGroupCoordinatorNotFound', retriable: true });
  });

  test('is final in a foreign client, as in kafkajs', async () => {
    const error = await errorOf(foreign());
    expect(error).toMatchObject({ name: 'KafkaJSGroupCoordinatorNotFound', retriable: false });
  });
});

describe('a heartbeat after a join that failed', () => {
  const heartbeatOf = async (kafka: Kafka) => {
    const logger = { namespace: () => logger };
    const cluster = clusterOf(kafka);
    const group = new ConsumerGroup({ cluster, logger, topics: [], assigners: [], retry: {} });
    Object.assign(cluster, { findGroupCoordinator: () => Promise.reject(new TypeError('no')) });
    await expect(group.joinAndSync()).rejects.toThrow('no');
    return group.heartbeat({ interval: 0 });
  };

  test('asks for another join', async () => {
    await expect(heartbeatOf(own())).rejects.toMatchObject({ type: 'REBALANCE_IN_PROGRESS' });
  });

  test('does not ask for another join in a foreign client, as in kafkajs', async () => {
    await expect(heartbeatOf(foreign())).resolves.toBeUndefined();
  });
});

describe('a broker that closes the connection of a fetch', () => {
  const { KafkaJSConnectionClosedError } = jest.requireActual<{
    KafkaJSConnectionClosedError: new (message: string, broker: object) => Error;
  }>('kafkajs/src/errors');
  /** Closes the connections of two brokers one after the other. Returns the number of brokers that the consumer still knows. */
  const brokersLeft = async (kafka: Kafka) => {
    const logger = { namespace: () => logger };
    const cluster = clusterOf(kafka);
    const [one, two, seedBroker] = [1, 2, 3].map((nodeId) => ({
      nodeId,
      connectionPool: { host: 'h', port: nodeId },
    }));
    Object.assign(cluster.brokerPool, { brokers: { 1: one, 2: two }, seedBroker });
    Object.assign(cluster, { refreshMetadata: () => Promise.resolve() });
    const group = new ConsumerGroup({ cluster, logger, topics: [], assigners: [], retry: {} });
    for (const port of [1, 2]) {
      await group.recoverFromFetch(new KafkaJSConnectionClosedError('closed', { host: 'h', port }));
    }
    return Object.keys(cluster.brokerPool.brokers).length;
  };

  test('is asked again, so that the consumer stays in its group', async () => {
    expect(await brokersLeft(own())).toBe(2);
  });

  test('is forgotten by a foreign client, as in kafkajs', async () => {
    expect(await brokersLeft(foreign())).toBe(0);
  });
});

describe('a caller that waits too long for a connection to the same broker', () => {
  const { KafkaJSLockTimeout } = jest.requireActual<{
    KafkaJSLockTimeout: new (message: string) => Error;
  }>('kafkajs/src/errors');
  const errorOf = async (kafka: Kafka) => {
    const logger = { namespace: () => logger };
    const { brokerPool, connectionPoolBuilder } = clusterOf(kafka);
    const connectionPool = await connectionPoolBuilder.build({ host: 'h', port: 1 });
    const broker = brokerPool.createBroker({ connectionPool, logger });
    broker.lock.acquire = () => Promise.reject(new KafkaJSLockTimeout('waited'));
    return broker.connect().catch((error: unknown) => error);
  };

  test('gets a retriable connection error', async () => {
    const error = await errorOf(own());
    expect(error).toMatchObject({ name: 'KafkaJSConnectionError', retriable: true });
  });

  test('gets a final error in a foreign client, as in kafkajs', async () => {
    const error = await errorOf(foreign());
    expect(error).toMatchObject({ name: 'KafkaJSLockTimeout', retriable: false });
  });
});
