import type { Kafka } from '../../src/kafka/kafka';
import { createRecordReader } from '../../src/kafka/reader';

test('a read that fails is tried three times, with pauses, as a leader may just move', async () => {
  const tries: number[] = [];
  const cluster = {
    brokerPool: {},
    connect: () => Promise.resolve(),
    addTargetTopic: () => {
      tries.push(performance.now());
      return Promise.reject(new Error('no leader'));
    },
    findTopicPartitionMetadata: () => [],
    refreshMetadata: () => Promise.resolve(),
  };
  const kafka = { [Symbol('private:Kafka:createCluster')]: () => cluster } as unknown as Kafka;
  const reader = createRecordReader(kafka);
  await expect(reader.read('topic', 0, 0, 1).next()).rejects.toThrow('no leader');
  const pauses = tries.slice(1).map((at, index) => at - tries[index]!);
  expect(pauses).toEqual([expect.any(Number), expect.any(Number)]);
  // A timer may fire a millisecond early.
  expect(Math.min(...pauses)).toBeGreaterThan(200);
});
