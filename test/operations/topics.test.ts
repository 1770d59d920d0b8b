import type { Kafka } from '../../src/kafka/kafka';
import { errorWithCause } from '../../src/domain/errors';
import { stateTopic } from '../../src/domain/stream/state-topic';
import { createTopics } from '../../src/operations/topics';
import { testStream } from '../domain/support/records';

const { KafkaJSProtocolError } = jest.requireActual<{
  KafkaJSProtocolError: new (error: object) => Error;
}>('kafkajs');

/** The error of kafkajs when the broker refuses to create a topic. */
const { KafkaJSAggregateError } = jest.requireActual<{
  KafkaJSAggregateError: new (message: string, errors: Error[]) => Error;
}>('kafkajs');

/** A broker whose first answers about a topic's metadata are these errors. */
function kafka(...errors: string[]) {
  const created: Created[] = [];
  const refusals: string[] = [];
  const settings: Record<string, string> = { 'max.message.bytes': '1000' };
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    listTopics: () => Promise.resolve([]),
    describeConfigs: ({ resources }: Described) => {
      const [{ configNames }] = resources as [Described['resources'][number]];
      const known = configNames.filter((name) => name in settings);
      const configEntries = known.map((name) => ({
        configName: name,
        configValue: settings[name],
      }));
      return Promise.resolve({ resources: [{ configEntries }] });
    },
    createTopics: ({ topics }: { topics: Created[] }) => {
      const refusal = refusals.shift();
      if (refusal) {
        const one = new KafkaJSProtocolError({ type: refusal, message: refusal, retriable: false });
        return Promise.reject(new KafkaJSAggregateError('Topic creation errors', [one]));
      }
      created.push(...topics);
      return Promise.resolve(true);
    },
    fetchTopicMetadata: () => {
      const type = errors.shift();
      if (type === undefined) return Promise.resolve({ topics: [] });
      return Promise.reject(new KafkaJSProtocolError({ type, message: type, retriable: true }));
    },
  };
  const client = { admin: () => admin } as unknown as Kafka;
  return { kafka: client, created, errors, refusals, settings };
}

interface Created {
  topic: string;
  configEntries: { name: string; value: string }[];
}
interface Described {
  resources: { configNames: string[] }[];
}

const options = { partitions: 1, replicationFactor: -1, dryRun: false };
const stream = testStream();

test('createTopics asks again if the broker does not know the new topic or its leader yet', async () => {
  const slow = kafka('UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE');
  await createTopics(slow.kafka, [stream], options);
  expect(slow.created.map(({ topic }) => topic)).toEqual([
    ...[stream.topic, stream.deadLetterTopic, stateTopic(stream)],
  ]);
  expect(slow.errors).toEqual([]);
});

test('createTopics fails on any other error about the new topic', async () => {
  const closed = kafka('TOPIC_AUTHORIZATION_FAILED');
  const error = await createTopics(closed.kafka, [stream], options).catch((one: unknown) => one);
  expect(errorWithCause(error)).toBe(
    `can't create topic ${stream.topic}: TOPIC_AUTHORIZATION_FAILED`,
  );
});

test('createTopics asks again if the cluster has no controller at the moment', async () => {
  const starting = kafka();
  starting.refusals.push('NOT_CONTROLLER', 'REQUEST_TIMED_OUT');
  await createTopics(starting.kafka, [stream], options);
  expect(starting.created).toHaveLength(3);
});

test("createTopics reports the broker's reason for a refused topic", async () => {
  const refusing = kafka();
  refusing.refusals.push('INVALID_REPLICATION_FACTOR');
  const error = await createTopics(refusing.kafka, [stream], options).catch((one: unknown) => one);
  expect(errorWithCause(error)).toBe(
    `can't create topic ${stream.topic}: Topic creation errors: INVALID_REPLICATION_FACTOR`,
  );
});

const AFTER = 'message.timestamp.after.max.ms';
const BEFORE = 'message.timestamp.before.max.ms';
const DIFFERENCE = 'message.timestamp.difference.max.ms';

test.each([
  ['before 3.6', [DIFFERENCE]],
  ['from 3.6 on', [AFTER, BEFORE, DIFFERENCE]],
  ['from 4.0 on', [AFTER, BEFORE]],
  ['without limits on timestamps', []],
])('createTopics lifts every limit on timestamps that a broker %s knows', async (_, limits) => {
  const broker = kafka();
  for (const name of limits) broker.settings[name] = '3600000';
  await createTopics(broker.kafka, [stream], options);
  const { configEntries } = broker.created[1]!;
  const lifted = configEntries.filter(({ name }) => name.endsWith('.max.ms'));
  const value = '9223372036854775807';
  expect(lifted).toEqual(limits.map((name) => ({ name, value })));
  expect(configEntries).toContainEqual({ name: 'max.message.bytes', value: '66536' });
});

test("createTopics gives a dead-letter topic unlimited retention, whatever the broker's default is", async () => {
  const broker = kafka();
  await createTopics(broker.kafka, [stream], options);
  const { configEntries } = broker.created[1]!;
  for (const name of ['retention.ms', 'retention.bytes']) {
    expect(configEntries).toContainEqual({ name, value: '-1' });
  }
});
