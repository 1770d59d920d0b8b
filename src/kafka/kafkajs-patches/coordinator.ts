import { KafkaJSGroupCoordinatorNotFound } from 'kafkajs';
import type { PatchedCluster } from './our-clusters';

/**
 * Makes the error of a missing group coordinator retriable, so that the consumer starts again. kafkajs ends a
 * consumer for good, and with it the process, when no broker answers while kafkajs looks for the coordinator. The
 * restart of the only broker is an example.
 */
export function retryCoordinator(cluster: PatchedCluster): void {
  const find = cluster.findGroupCoordinatorMetadata.bind(cluster);
  cluster.findGroupCoordinatorMetadata = async (options) => {
    try {
      return await find(options);
    } catch (error) {
      if (error instanceof KafkaJSGroupCoordinatorNotFound)
        Object.assign(error, { retriable: true });
      throw error;
    }
  };
}
