import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaJSConnectionError, KafkaJSProtocolError } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { closeHanging, isTimeout } from './connections';
import { isOurs, type PatchedCluster } from './our-clusters';

const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;
/** The pause before a lost broker is asked again. */
const LOST_PAUSE_MS = 200;

function hasWaited(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSLockTimeout';
}

/** Whether a broker did not answer, or the connection to it could not be made or broke. */
function isLost(error: unknown): boolean {
  return isTimeout(error) || error instanceof KafkaJSConnectionError;
}

/** Whether a broker that is shutting down has answered that it can't be the coordinator now. */
function isNotAvailable(error: unknown): boolean {
  return error instanceof KafkaJSProtocolError && error.code === COORDINATOR_NOT_AVAILABLE;
}

const group = ConsumerGroup.prototype;
const { heartbeat, recoverFromFetch } = group;

/**
 * Lets a consumer join its group again when the coordinator does not answer or is not available. kafkajs asks the
 * same coordinator again and again, until it gives the consumer up after minutes (tulios/kafkajs#1513). By then
 * the cluster has another coordinator, which a join finds.
 */
group.heartbeat = async function (options) {
  try {
    await heartbeat.call(this, options);
  } catch (error) {
    const lost = isOurs(this.cluster) && (isLost(error) || isNotAvailable(error));
    throw lost ? createErrorFromCode(NOT_COORDINATOR) : error;
  }
};

/**
 * Refreshes the metadata when a broker is lost during a fetch, and lets the consumer continue. kafkajs has three
 * faults:
 * - It asks a broker that does not answer for its partitions for minutes, though other brokers lead them by then.
 *   It asks for leaders only every five minutes, or when a broker says that it is not the leader.
 * - A broker that can't be reached ends the fetches from all others before their records are looked at.
 * - A broker that closes its connection is forgotten. Once all brokers have, the consumer leaves its group, again
 *   and again. Brokers close idle connections, for example while a quota keeps the client waiting.
 */
group.recoverFromFetch = async function (error) {
  if (!isOurs(this.cluster) || !isLost(error)) return recoverFromFetch.call(this, error);
  await this.cluster.refreshMetadata();
  await sleep(LOST_PAUSE_MS);
};

/**
 * Asks brokers that have answered for leaders and coordinators, as long as there are some. kafkajs asks any
 * broker, and again and again one that hangs: such a broker keeps its connections open, and accepts new ones. Each
 * request to it takes its whole time limit, and kafkajs tries nine times to connect.
 */
export function askThoseThatAnswer(cluster: PatchedCluster): void {
  const { brokerPool: pool, connectionPoolBuilder: builder } = cluster;
  const { createBroker, withBroker, findConnectedBroker } = pool;
  const build = builder.build.bind(builder);
  /** Connections of the brokers that hang. kafkajs replaces the connections of a broker during the broker's life. */
  const silent = new WeakSet<object>();

  builder.build = async (destination) => {
    const connections = await build(destination);
    const send = connections.send.bind(connections);
    connections.send = async (request) => {
      try {
        const answer = await send(request);
        silent.delete(connections);
        return answer;
      } catch (error) {
        if (isTimeout(error)) {
          silent.add(connections);
          await Promise.all(connections.pool.map(closeHanging));
        }
        throw error;
      }
    };
    return connections;
  };
  pool.createBroker = (settings) => {
    const broker = createBroker(settings);
    const connect = broker.connect.bind(broker);
    broker.connect = async () => {
      try {
        await connect();
      } catch (error) {
        // kafkajs gives a broker up after a connection error, but not after a request that timed out. A call that has
        // waited for 30 s behind others that connect to the same broker gets an error that kafkajs calls final.
        if (!isTimeout(error) && !hasWaited(error)) throw error;
        throw new KafkaJSConnectionError((error as Error).message);
      }
    };
    return broker;
  };

  /** The pool without the brokers that hang, or the whole pool if all hang. */
  function answering() {
    const all = Object.entries(pool.brokers);
    const some = all.filter(([, broker]) => !silent.has(broker.connectionPool));
    const value = Object.fromEntries(some.length > 0 ? some : all);
    // Connecting must change the pool itself.
    const connect = pool.connect.bind(pool);
    return Object.create(pool, { brokers: { value }, connect: { value: connect } }) as typeof pool;
  }
  pool.withBroker = (callback) => withBroker.call(answering(), callback);
  pool.findConnectedBroker = () => findConnectedBroker.call(answering());
}
