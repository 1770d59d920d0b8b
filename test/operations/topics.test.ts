import type { Kafka } from '../../src/clients/kafka';
import { createTopics } from '../../src/operations/topics';
import { testStream } from '../domain/support/records';

const { KafkaJSProtocolError } = jest.requireActual<{
  KafkaJSProtocolError: new (error: object) => Error;
}>('kafkajs');

/** A broker that answers questions for a topic's metadata with these errors first. */
function kafka(...errors: string[]) {
  const created: string[] = [];
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    listTopics: () => Promise.resolve([]),
    describeConfigs: () => Promise.resolve({ resources: [] }),
    createTopics: ({ topics }: { topics: { topic: string }[] }) => {
      created.push(...topics.map(({ topic }) => topic));
      return Promise.resolve(true);
    },
    fetchTopicMetadata: () => {
      const type = errors.shift();
      if (type === undefined) return Promise.resolve({ topics: [] });
      return Promise.reject(new KafkaJSProtocolError({ type, message: type, retriable: true }));
    },
  };
  return { kafka: { admin: () => admin } as unknown as Kafka, created, errors };
}

const options = { partitions: 1, replicationFactor: -1, dryRun: false };
const stream = testStream();

test('a broker that does not know a new topic yet, or its leader, is asked again', async () => {
  const slow = kafka('UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE');
  await createTopics(slow.kafka, [stream], options);
  expect(slow.created).toEqual([stream.topic, stream.deadLetterTopic]);
  expect(slow.errors).toEqual([]);
});

test('what else it says is an error', async () => {
  const closed = kafka('TOPIC_AUTHORIZATION_FAILED');
  await expect(createTopics(closed.kafka, [stream], options)).rejects.toThrow(
    'TOPIC_AUTHORIZATION_FAILED',
  );
});
