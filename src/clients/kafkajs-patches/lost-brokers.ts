import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaJSConnectionError } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { isOurs } from './our-clusters';

const NOT_COORDINATOR = 16;

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSRequestTimeoutError';
}

const group = ConsumerGroup.prototype;
const { heartbeat, recoverFromFetch } = group;

/**
 * kafkajs asks a coordinator that does not answer again and again, until it gives the consumer up after
 * minutes (tulios/kafkajs#1513). The cluster has another coordinator by then. A join asks for it.
 */
group.heartbeat = async function (options) {
  try {
    await heartbeat.call(this, options);
  } catch (error) {
    const lost =
      isOurs(this.cluster) && (isTimeout(error) || error instanceof KafkaJSConnectionError);
    throw lost ? createErrorFromCode(NOT_COORDINATOR) : error;
  }
};

/**
 * kafkajs asks a broker that does not answer for its partitions for minutes, though other brokers lead
 * them by then. It asks for leaders only every five minutes, or when a broker says that it is none.
 */
group.recoverFromFetch = async function (error) {
  if (!isOurs(this.cluster) || !isTimeout(error)) return recoverFromFetch.call(this, error);
  await this.cluster.refreshMetadata();
  await sleep(this.maxWaitTime);
};
