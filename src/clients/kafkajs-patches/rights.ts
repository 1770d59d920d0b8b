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
/** Connections of consumers that have been members. A restart of the consumer keeps its connections' pool. */
const members = new WeakSet<object>();

async function waitingForRights<T>(self: ConsumerGroup, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const missing = error instanceof KafkaJSProtocolError && RIGHTS.includes(error.type);
    if (!missing || !members.has(self.cluster)) throw error;
    // An error that may be tried again, unlike its cause.
    throw new KafkaJSError(error);
  }
}

group.connect = function () {
  return waitingForRights(this, () => connect.call(this));
};
group.joinAndSync = async function () {
  await waitingForRights(this, () => joinAndSync.call(this));
  if (isOurs(this.cluster)) members.add(this.cluster);
};
group.heartbeat = function (options) {
  return waitingForRights(this, () => heartbeat.call(this, options));
};
group.recoverFromFetch = function (error) {
  return waitingForRights(this, () => recoverFromFetch.call(this, error));
};
