import type { Kafka } from '../../src/kafka/kafka';
import { committedOffsets, GroupPosition } from '../../src/kafka/group-offsets';

const { KafkaJSProtocolError } = jest.requireActual<{
  KafkaJSProtocolError: new (error: object) => Error;
}>('kafkajs');
const fault = (type: string) => new KafkaJSProtocolError({ type, message: type, retriable: true });

/** A broker that counts connections and requests. Its first answers are these errors. */
function broker(...errors: string[]) {
  const counts = { connects: 0, open: 0, requests: 0 };
  const offsets = [
    { partition: 0, offset: '7', metadata: null },
    { partition: 1, offset: '-1', metadata: null },
  ];
  const admin = () => ({
    connect: () => {
      counts.connects++;
      counts.open++;
      return Promise.resolve();
    },
    disconnect: () => {
      counts.open--;
      return Promise.resolve();
    },
    fetchOffsets: async () => {
      counts.requests++;
      await Promise.resolve();
      const type = errors.shift();
      if (type !== undefined) throw fault(type);
      return [{ topic: 'topic', partitions: offsets }];
    },
  });
  return { kafka: { admin } as unknown as Kafka, counts };
}

const GROUP = { groupId: 'group', topic: 'topic' };

test('callers that wait share one connection, and one request at a time', async () => {
  const { kafka, counts } = broker();
  const group = new GroupPosition(kafka, GROUP, 60_000);
  const all = await Promise.all([0, 0, 1, 2].map((partition) => group.committed(partition)));
  expect(all).toEqual([7, 7, undefined, undefined]);
  expect(await group.committed(0)).toBe(7);
  expect(counts).toEqual({ connects: 1, open: 1, requests: 1 });
  await group.close();
  expect(counts.open).toBe(0);
});

test('an outdated answer is requested again over the same connection', async () => {
  const { kafka, counts } = broker();
  const group = new GroupPosition(kafka, GROUP, 0);
  for (let i = 0; i < 3; i++) await group.committed(0);
  expect(counts).toEqual({ connects: 1, open: 1, requests: 3 });
  await group.close();
});

test('the next caller after an error gets a new connection', async () => {
  const { kafka, counts } = broker('GROUP_AUTHORIZATION_FAILED');
  const group = new GroupPosition(kafka, GROUP, 60_000);
  await expect(group.committed(0)).rejects.toThrow('GROUP_AUTHORIZATION_FAILED');
  expect(counts.open).toBe(0);
  expect(await group.committed(0)).toBe(7);
  await group.close();
  expect(counts).toEqual({ connects: 2, open: 0, requests: 2 });
});

test('the offsets of a group are requested again while its coordinator starts or moves', async () => {
  const { kafka, counts } = broker('NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS');
  expect(await committedOffsets(kafka.admin(), 'group', 'topic')).toHaveLength(2);
  expect(counts.requests).toBe(3);
});
