import type { Kafka } from 'kafkajs';
import type Broker from 'kafkajs/src/broker';
import type Connection from 'kafkajs/src/network/connection';

/** The parts of kafkajs's cluster that the patches of one client change. */
export interface PatchedCluster {
  brokerPool: BrokerPool;
  connectionPoolBuilder: {
    build(destination?: { host?: string; port?: number }): Promise<Broker['connectionPool']>;
  };
  findGroupCoordinatorMetadata(options: object): Promise<unknown>;
}
interface BrokerPool {
  brokers: Record<string, Broker>;
  connect(): Promise<void>;
  createBroker: (settings: object) => Broker;
  withBroker: (this: BrokerPool, callback: object) => Promise<unknown>;
  findConnectedBroker: (this: BrokerPool) => Promise<Broker>;
}

/** Makes the cluster that a consumer, a producer or an admin client of kafkajs works with. */
type CreateCluster = (options: object) => PatchedCluster;

/**
 * Remembers the clusters of CloudSync's own clients. A program that embeds CloudSync may use the same kafkajs for
 * clients of its own, which stay as kafkajs publishes them.
 */
const ours = new WeakSet<object>();

/** Whether a client of CloudSync works with the cluster. Patches of prototypes ask this first. */
export function isOurs(cluster: object): boolean {
  return ours.has(cluster);
}

/** Marks each cluster that the client makes from now on as ours, and patches it. */
export function patchClusters(kafka: Kafka, ...patches: ((cluster: PatchedCluster) => void)[]) {
  const [holder, symbol] = clusterFactory(kafka);
  const createCluster = holder[symbol]!;
  holder[symbol] = (options) => {
    const cluster = createCluster(options);
    ours.add(cluster);
    for (const patch of patches) patch(cluster);
    return cluster;
  };
}

/** Patches each connection that the cluster makes from now on. */
export function patchConnections(
  { connectionPoolBuilder: builder }: PatchedCluster,
  ...patches: ((connection: Connection) => void)[]
): void {
  const build = builder.build.bind(builder);
  builder.build = async (destination) => {
    const connections = await build(destination);
    for (const connection of connections.pool) for (const patch of patches) patch(connection);
    return connections;
  };
}

/** A client like `kafka` that also applies `change` to each cluster which is made through the new client. */
export function withClusters<T>(kafka: Kafka, change: (cluster: T) => void): Kafka {
  const [holder, symbol] = clusterFactory(kafka);
  const value: CreateCluster = (options) => {
    const cluster = holder[symbol]!(options);
    change(cluster as T);
    return cluster;
  };
  return Object.create(kafka, { [symbol]: { value, writable: true } }) as Kafka;
}

/** A cluster of the client. The public API of kafkajs gives clusters to consumers only. */
export function createCluster<T>(kafka: Kafka, options: object): T {
  const [holder, symbol] = clusterFactory(kafka);
  return holder[symbol]!(options) as T;
}

function clusterFactory(kafka: Kafka): [Record<symbol, CreateCluster>, symbol] {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )!;
  return [kafka as unknown as Record<symbol, CreateCluster>, symbol];
}
