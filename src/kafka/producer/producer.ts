import { setTimeout as sleep } from 'node:timers/promises';
import {
  KafkaJSNumberOfRetriesExceeded,
  Partitioners,
  type Kafka,
  type PartitionerArgs,
  type Producer,
  type ProducerRecord,
  type RecordMetadata,
} from 'kafkajs';
import { topicByTopic } from '../kafkajs-patches/leaderless';
import { partitionOf } from './murmur2';

/** Tries of one send, and the pauses between them, in milliseconds. */
const SEND = { tries: 9, firstPauseMs: 200, maxPauseMs: 10_000 };

export interface RetryingProducer extends Producer {
  /** Begins no further try after the signal has aborted. */
  send(record: ProducerRecord, signal?: AbortSignal): Promise<RecordMetadata[]>;
}

/**
 * Makes a producer that tries a failed send again as a whole, `tries` times in all. kafkajs's own retry asks no
 * broker twice that has answered. So when a partition has moved to such a broker, kafkajs skips the partition's
 * records and reports them as sent. Keys go to the partitions that the Java client would choose. The producer
 * never creates a topic by accident.
 */
export function createProducer(kafka: Kafka, { tries = SEND.tries } = {}): RetryingProducer {
  const retry = { retries: 0 };
  const settings = { allowAutoTopicCreation: false, createPartitioner, retry };
  const producer: RetryingProducer = topicByTopic(kafka).producer(settings);
  const sendOnce = producer.send.bind(producer);
  producer.send = async (record, signal) => {
    for (let tried = 1; ; tried++) {
      try {
        return await sendOnce(record);
      } catch (error) {
        const mayHelp = error instanceof KafkaJSNumberOfRetriesExceeded;
        if (!mayHelp || tried >= tries) throw error;
        const pauseMs = Math.min(SEND.firstPauseMs * 2 ** (tried - 1), SEND.maxPauseMs);
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
        if (signal?.aborted) throw error;
      }
    }
  };
  return producer;
}

/** Acts like kafkajs's own partitioner, whose hash is ten times slower. Exported for a comparison of both. */
export function createPartitioner() {
  const byDefault = Partitioners.DefaultPartitioner();
  return (args: PartitionerArgs): number => {
    const { partition, key } = args.message;
    const own = partition === undefined && (Buffer.isBuffer(key) || typeof key === 'string');
    return own ? partitionOf(key, args.partitionMetadata.length) : byDefault(args);
  };
}
