import { KafkaJSError, KafkaJSProtocolError } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { isOurs } from './our-clusters';

/**
 * kafkajs gives a consumer up when a right on its topic or group is missing, and the process ends with all its
 * streams. That is right at the start. Later somebody changes rights, or the service that knows them is away:
 * the consumer waits until it has its right again, and the other streams go on.
 */
const RIGHTS = ['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED'];

const group = ConsumerGroup.prototype;
const { connect, joinAndSync, heartbeat, recoverFromFetch } = group;
/** Clusters of consumers that have been members. A restart of the consumer keeps its cluster. */
const members = new WeakSet<object>();
/** What each of them was last refused, and when. */
const refused = new WeakMap<object, { ask: Ask; type: string; at: number }>();
type Ask = 'connect' | 'join' | 'heartbeat' | 'recover';
/** Longer than kafkajs pauses between two tries. */
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
    // An error that may be tried again, unlike its cause.
    throw new KafkaJSError(error);
  }
}

/** The right that the consumer of this cluster waits for, as Kafka names its error. */
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
