import type { Kafka } from 'kafkajs';
import type { Cluster } from 'kafkajs/src/cluster';

/** A client whose consumers, producers and admins get their cluster only after `change` has had it. */
export function withClusters(kafka: Kafka, change: (cluster: Cluster) => void): Kafka {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )!;
  const createCluster = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]!;
  const create = (options: object) => {
    const cluster = createCluster.call(kafka, options);
    change(cluster);
    return cluster;
  };
  return Object.create(kafka, {
    [symbol]: { value: create, writable: true },
  }) as Kafka;
}

/** A symbol of all copies of this file: a stream module may load it once more, on the same kafkajs. */
const ours = Symbol.for('cloudsync.cluster');

/** The client, whose clusters {@link isOurs} knows. An application may use kafkajs beside CloudSync. */
export function asOurs(kafka: Kafka): Kafka {
  return withClusters(kafka, (cluster) => void Object.assign(cluster, { [ours]: true }));
}

/** Whether CloudSync has made the client of this cluster: what is changed in kafkajs is for these alone. */
export function isOurs(cluster: object): boolean {
  return ours in cluster;
}
