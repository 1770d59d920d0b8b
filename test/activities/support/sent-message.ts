import type { Message } from '../../../src/kafka/kafka';
import { NULL_HEADER } from '../../../src/kafka/kafkajs-patches/null-header';
import type { KafkaRecord } from '../../../src/domain/record/record';

/** Converts a message that a producer was given into the record that a reader of the topic gets. */
export function recordOfMessage(topic: string, message: Message | undefined): KafkaRecord {
  const { key, value, timestamp, headers = {} } = message!;
  return {
    topic,
    partition: 0,
    offset: 0,
    timestamp: Number(timestamp),
    key: key as Buffer | null,
    value: value as Buffer | null,
    headers: sentHeaders(headers),
  };
}

/** Converts headers into pairs as kafkajs writes them. The code is kafkajs's own. */
export function sentHeaders(headers: Message['headers'] = {}): KafkaRecord['headers'] {
  return Object.entries(headers)
    .flatMap(([key, given]) =>
      Array.isArray(given) ? given.map((value) => ({ key, value })) : [{ key, value: given }],
    )
    .map(({ key, value }) => [key, value === NULL_HEADER ? null : (value as Buffer)]);
}
