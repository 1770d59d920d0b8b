import { TopicWatch } from '../../src/http-producer/topic-watch';
import type { Kafka } from '../../src/kafka/kafka';
import { createLogger } from '../../src/telemetry/logger';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a broker that hangs is a fault until it answers', async () => {
  let answer: (() => void) | undefined;
  const admin = {
    connect: () => new Promise<void>((resolve) => (answer = resolve)),
    disconnect: () => Promise.resolve(),
    describeConfigs: () =>
      Promise.resolve({ resources: [{ configEntries: [{ configValue: '5000' }] }] }),
  };
  const kafka = { admin: () => admin } as unknown as Kafka;
  const watch = new TopicWatch(kafka, 'orders', createLogger('silent'));
  const started = watch.start();
  expect(watch.fault).toBeUndefined();
  await jest.advanceTimersByTimeAsync(5_000);
  expect(watch.fault).toBe('does not answer');
  answer!();
  await started;
  expect([watch.fault, watch.maxRecordBytes]).toEqual([undefined, 5_000 - 1_024]);
  watch.stop();
});

test('the fault names no address of a broker, because anybody may read it', async () => {
  const refused = new Error('connect ECONNREFUSED 10.0.0.7:9092');
  const admin = { connect: () => Promise.reject(refused), disconnect: () => Promise.resolve() };
  const kafka = { admin: () => admin } as unknown as Kafka;
  const watch = new TopicWatch(kafka, 'orders', createLogger('silent'));
  await watch.start();
  expect(watch.fault).toBe("Kafka can't be reached");
  watch.stop();
});
