import type { Message } from '../../../src/clients/kafka';
import type { KafkaRecord } from '../../../src/domain/record';

/** A message that a producer was given, as the reader of the topic gets it. */
export function recordOfMessage(topic: string, message: Message | undefined): KafkaRecord {
  const { key, value, timestamp, headers = {} } = message!;
  return {
    topic,
    partition: 0,
    offset: 0,
    timestamp: Number(timestamp),
    key: key as Buffer | null,
    value: value as Buffer | null,
    headers: Object.entries(headers).flatMap(([name, given]) =>
      (Array.isArray(given) ? given : [given]).map((one): [string, Buffer] => [
        name,
        one as Buffer,
      ]),
    ),
  };
}
