import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { fetchBatches } from '../fetch/consumer-fetch';
import { isOurs } from './our-clusters';

/** kafkajs trusts that a log has only formats that it knows. So `fetchBatches` fetches in its place. */
const group = ConsumerGroup.prototype;
const { fetch } = group;

group.fetch = function (nodeId) {
  return isOurs(this.cluster) ? fetchBatches(this, nodeId) : fetch.call(this, nodeId);
};
