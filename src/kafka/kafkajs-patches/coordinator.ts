import { KafkaJSGroupCoordinatorNotFound } from 'kafkajs';
import type { PatchedCluster } from './our-clusters';

/**
 * kafkajs ends a consumer for good, and with it the process, when no broker answers while it looks for
 * the group's coordinator. The only broker that restarts is such a case. The patched clusters call the
 * error retriable, so that the consumer starts again.
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
