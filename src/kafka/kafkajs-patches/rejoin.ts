import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { isOurs } from './our-clusters';

const REBALANCE_IN_PROGRESS = 27;

/**
 * Makes a member join again after a failed join. If a member can't join its group again, for example while the
 * broker restarts, kafkajs continues to fetch the old partitions. The member then sends no heartbeat because its
 * group has forgotten the member, or sends a heartbeat that the group accepts. In both cases nothing tells the
 * member to join. So the patched heartbeat throws the error of a rebalance until a join has succeeded. A consumer
 * makes its group anew after each crash, so the prototype is the only place for the patch.
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
