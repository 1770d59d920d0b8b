import { KafkaJSError, KafkaJSProtocolError } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { isOurs } from './our-clusters';

/**
 * Lets a consumer wait for a missing right. kafkajs gives a consumer up when a right on its topic or group is
 * missing, and the process ends with all its streams. That is correct at the start. Later somebody may change
 * rights, or the service that knows the rights may be away. The consumer then waits for its right, and the other
 * streams continue.
 */
const RIGHTS = ['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED'];

const group = ConsumerGroup.prototype;
const { connect, joinAndSync, heartbeat, recoverFromFetch } = group;
/** Clusters of consumers that have been members. A restart of the consumer keeps its cluster. */
const members = new WeakSet<object>();
/** By cluster: the right that was refused last, to which request, and when. */
const refused = new WeakMap<object, { ask: Ask; type: string; at: number }>();
type Ask = 'connect' | 'join' | 'heartbeat' | 'recover';
/** Longer than the pauses of kafkajs between two tries. */
const RECENT_MS = 30_000;

async function waitingForRights(
  { cluster }: ConsumerGroup,
  ask: Ask,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
    if (ask === 'join' || refused.get(cluster)?.ask === ask) refused.delete(cluster);
  } catch (error) {
    const missing = error instanceof KafkaJSProtocolError && RIGHTS.includes(error.type);
    if (!missing || !members.has(cluster)) throw error;
    refused.set(cluster, { ask, type: error.type, at: performance.now() });
    // Unlike its cause, this error may be tried again.
    throw new KafkaJSError(error);
  }
}

/**
 * The right that the consumer of this cluster waits for, by the name of Kafka's error; undefined if it waits for
 * none.
 */
export function missingRight(cluster: object): string | undefined {
  const last = refused.get(cluster);
  return last && performance.now() - last.at < RECENT_MS ? last.type : undefined;
}

group.connect = function () {
  return waitingForRights(this, 'connect', () => connect.call(this));
};
group.joinAndSync = async function () {
  await waitingForRights(this, 'join', () => joinAndSync.call(this));
  if (isOurs(this.cluster)) members.add(this.cluster);
};
group.heartbeat = function (options) {
  return waitingForRights(this, 'heartbeat', () => heartbeat.call(this, options));
};
group.recoverFromFetch = function (error) {
  return waitingForRights(this, 'recover', () => recoverFromFetch.call(this, error));
};
