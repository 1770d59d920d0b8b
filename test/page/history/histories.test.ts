import type { LetterIndexer } from '../../../src/operations/letter-index/letter-indexer';
import { Histories } from '../../../src/page/history/histories';
import { STEP_MS, type PartitionSample } from '../../../src/page/history/stream-history';
import { createLogger } from '../../../src/telemetry/logger';
import { payments } from '../support/page-app';

const logged: string[] = [];
const logger = createLogger('warn', { write: (line) => void logged.push(line) }, false);
let samples: number;
let answer: () => Promise<PartitionSample[]>;
let histories: Histories;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  jest.setSystemTime(Date.UTC(2026, 0, 1));
  logged.length = 0;
  samples = 0;
  answer = () => Promise.resolve([]);
  const sample = () => {
    samples++;
    return answer();
  };
  const indexes = { of: () => ({ isComplete: false }) as LetterIndexer };
  const sampler = { sample, close: () => Promise.resolve() };
  histories = new Histories([payments], sampler, indexes, logger);
});
afterEach(async () => {
  jest.useRealTimers();
  await histories.close();
});

async function pass(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await jest.advanceTimersByTimeAsync(STEP_MS);
}

test('a stream is sampled once a step from the start on, and not before', async () => {
  await pass(3);
  expect(samples).toBe(0);
  histories.start();
  histories.start();
  expect(samples).toBe(1);
  await pass(10);
  expect(samples).toBe(11);
});

test('a sample that takes long delays the next one', async () => {
  let finish!: () => void;
  answer = () => new Promise((resolve) => (finish = () => resolve([])));
  histories.start();
  await pass(5);
  expect(samples).toBe(1);
  finish();
  await pass(1);
  expect(samples).toBe(2);
  finish();
});

test('what is wrong is logged once, and again after it has been well', async () => {
  const fail = () => Promise.reject(new Error('no leader'));
  answer = fail;
  histories.start();
  await pass(5);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('no leader');
  answer = () => Promise.resolve([]);
  await pass(1);
  answer = fail;
  await pass(5);
  expect(logged).toHaveLength(2);
});

test('a closed page samples nothing more, whatever is asked', async () => {
  histories.start();
  await pass(1);
  await histories.close();
  const before = samples;
  histories.start();
  histories.of(payments, undefined);
  await pass(5);
  expect(samples).toBe(before);
});

test('a page that closes during a sample waits for its end, and samples nothing more', async () => {
  let finish!: () => void;
  answer = () => new Promise((resolve) => (finish = () => resolve([])));
  histories.start();
  let isClosed = false;
  const closed = histories.close().then(() => (isClosed = true));
  await pass(1);
  expect(isClosed).toBe(false);
  finish();
  await closed;
  await pass(5);
  expect(samples).toBe(1);
});

test('a page that closed before it listened samples nothing', async () => {
  await histories.close();
  histories.start();
  await pass(3);
  expect(samples).toBe(0);
});
