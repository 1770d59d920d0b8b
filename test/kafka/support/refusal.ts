// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- what the client throws
import { KafkaJSProtocolError } from 'kafkajs';

/** An error by which a broker refuses a request for good, by Kafka's name for it. */
export function refusal(type: string): KafkaJSProtocolError {
  const fields = { type, code: 1, retriable: false };
  return new KafkaJSProtocolError(Object.assign(new Error(type), fields));
}
