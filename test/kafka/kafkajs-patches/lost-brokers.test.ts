import pino from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import {
  createCluster,
  type PatchedCluster,
} from '../../../src/kafka/kafkajs-patches/our-clusters';

interface Group {
  heartbeat(options: { interval: number }): Promise<void>;
}
const ConsumerGroup = jest.requireActual<new (options: object) => Group>(
  'kafkajs/src/consumer/consumerGroup',
);
type ErrorOf = (code: number) => Error;
const { createErrorFromCode: errorOf } = jest.requireActual<{ createErrorFromCode: ErrorOf }>(
  'kafkajs/src/protocol/error',
);

/** Connections that seem to be open, on which nothing is answered. */
async function hanging(cluster: PatchedCluster, port: number) {
  const connections = await cluster.connectionPoolBuilder.build({ host: '127.0.0.1', port });
  const timeout = Object.assign(new Error('timeout'), { name: 'KafkaJSRequestTimeoutError' });
  return Object.assign(connections, {
    isConnected: () => true,
    getConnectionByRequest: () => Promise.resolve({ send: () => Promise.reject(timeout) }),
  });
}

test('a hanging broker is not asked while others answer, even if it has open connections', async () => {
  const settings = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false };
  const kafka = createKafka(settings, pino({ level: 'silent' }));
  const cluster = createCluster<PatchedCluster>(kafka, {});
  const { brokerPool: pool } = cluster;
  const logger = { namespace: () => ({}) };
  for (const nodeId of [1, 2]) {
    const connectionPool = await hanging(cluster, nodeId);
    pool.brokers[nodeId] = pool.createBroker({ connectionPool, logger, nodeId });
  }
  const found = async () => {
    const all = new Set<object>();
    for (let i = 0; i < 64; i++) all.add(await pool.findConnectedBroker());
    return all;
  };
  const [one, two] = [pool.brokers[1]!, pool.brokers[2]!];
  expect(await found()).toEqual(new Set([one, two]));
  await expect(one.connectionPool.send({})).rejects.toThrow('timeout');
  expect(await found()).toEqual(new Set([two]));
  // kafkajs replaces the connections after an error of SASL, which counts as an answer.
  one.connectionPool = await hanging(cluster, 1);
  expect(await found()).toEqual(new Set([one, two]));
  await expect(one.connectionPool.send({})).rejects.toThrow('timeout');
  expect(await found()).toEqual(new Set([two]));
});

/** Sends a heartbeat to a coordinator that answers with this error. */
function heartbeat(answer: Error): Promise<void> {
  const settings = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false };
  const cluster = createCluster<object>(createKafka(settings, pino({ level: 'silent' })), {});
  const logger = { namespace: () => ({ debug: () => undefined }) };
  const group = new ConsumerGroup({ cluster, logger, groupId: 'g', topics: ['t'] });
  Object.assign(group, { memberId: 'm', coordinator: { heartbeat: () => Promise.reject(answer) } });
  return group.heartbeat({ interval: 0 });
}

test('COORDINATOR_NOT_AVAILABLE makes the consumer look for its coordinator, as NOT_COORDINATOR does', async () => {
  const [loading, notAvailable] = [errorOf(14), errorOf(15)];
  await expect(heartbeat(notAvailable)).rejects.toMatchObject({ code: 16 });
  await expect(heartbeat(loading)).rejects.toBe(loading);
});
