import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { isOurs } from './our-clusters';

const REBALANCE_IN_PROGRESS = 27;

/**
 * kafkajs goes on fetching the old partitions when a member can't join its group anew, as while the broker
 * restarts. The member then sends no heartbeat because its group has forgotten it, or sends one that the
 * group takes. So nobody tells it to join. The patched heartbeat tells it, until a join has succeeded.
 * A consumer makes its group anew after each crash, so the prototype is the only place for the patch.
 */
const group = ConsumerGroup.prototype;
const { heartbeat, joinAndSync } = group;
const outside = new WeakSet<ConsumerGroup>();

group.joinAndSync = async function () {
  try {
    await joinAndSync.call(this);
    outside.delete(this);
  } catch (error) {
    if (isOurs(this.cluster)) outside.add(this);
    throw error;
  }
};

group.heartbeat = async function (options) {
  if (outside.has(this)) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
  return heartbeat.call(this, options);
};
