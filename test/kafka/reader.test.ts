import type { Kafka } from '../../src/kafka/kafka';
import { createRecordReader } from '../../src/kafka/reader';

const tries: number[] = [];

jest.mock('../../src/kafka/kafkajs-patches/leaderless', () => ({ topicByTopic: () => undefined }));
jest.mock('../../src/kafka/cluster', () => ({
  connectLater: () => ({
    cluster: { refreshMetadata: () => Promise.resolve() },
    knows: () => {
      tries.push(performance.now());
      return Promise.reject(new Error('no leader'));
    },
    close: () => Promise.resolve(),
  }),
}));

test('a read that fails is tried three times, with pauses, as a leader may just move', async () => {
  const reader = createRecordReader({} as Kafka);
  await expect(reader.read('topic', 0, 0, 1).next()).rejects.toThrow('no leader');
  const pauses = tries.slice(1).map((at, index) => at - tries[index]!);
  expect(pauses).toEqual([expect.any(Number), expect.any(Number)]);
  // A timer may fire a millisecond early.
  expect(Math.min(...pauses)).toBeGreaterThan(200);
});
