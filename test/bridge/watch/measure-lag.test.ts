import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { measureLag } from '../../../src/bridge/watch/measure-lag';
import { PartitionWindow } from '../../../src/bridge/partition/partition-window';
import type { WindowState } from '../../../src/bridge/watch/stall-cause';
import { Stalls } from '../../../src/bridge/watch/stalls';
import { createMetrics } from '../../../src/telemetry/metrics';
import { kafkaRecord } from '../../domain/support/records';
import { keepingLogger } from '../support/fakes';

const SECOND = 1_000;
const stream = { name: 's', topic: 't' };

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

function create() {
  const metrics = createMetrics();
  const { logger } = keepingLogger();
  const stalls = new Stalls({ stream, afterMs: 60 * SECOND, metrics, logger });
  const window = new PartitionWindow(
    't',
    0,
    { records: 10, bytes: 1_000 },
    new PartitionCounters(),
  );
  window.initialOffset = 0;
  const stallCause = ({ commitFault }: WindowState) => ({
    reason: 'commit_failing' as const,
    ...(commitFault && { detail: commitFault }),
  });
  return {
    window,
    stalls,
    metrics,
    /** Measures the age of the oldest uncommitted record, in seconds, for a log that ends at `high`. */
    age: async (high: number) => {
      measureLag(window, 0, high, stalls, { stream, metrics, stallCause });
      return (await metrics.lagSeconds.get()).values[0]!.value;
    },
  };
}

describe('the age of the oldest uncommitted record', () => {
  test('grows while Kafka returns no record', async () => {
    const { age } = create();
    expect(await age(0)).toBe(0);
    expect(await age(3)).toBe(0);
    jest.advanceTimersByTime(40 * SECOND);
    expect(await age(3)).toBe(40);
  });

  test('grows while finished records are not committed, and is 0 once they are', async () => {
    const { age, window } = create();
    const [entry] = window.accept([kafkaRecord({ offset: 0, timestamp: Date.now() })], 1, 0);
    window.finish(entry!);
    await age(1);
    jest.advanceTimersByTime(20 * SECOND);
    expect(await age(1)).toBe(20);
    window.committed = 1;
    expect(await age(1)).toBe(0);
  });

  test('is the age of the fetched record if that record waits', async () => {
    const { age, window } = create();
    window.accept([kafkaRecord({ offset: 0, timestamp: Date.now() - 90 * SECOND })], 1, 0);
    expect(await age(5)).toBe(90);
  });
});

test('the stall of a partition names the reason for which Kafka refuses its commits', async () => {
  const { age, window, stalls } = create();
  const [entry] = window.accept([kafkaRecord({ offset: 0 })], 1, 0);
  window.finish(entry!);
  window.commitFault = 'OFFSET_METADATA_TOO_LARGE';
  await age(1);
  jest.advanceTimersByTime(60 * SECOND);
  await age(1);
  expect(Object.values(stalls.describe()).join()).toMatch(
    /commit_failing.*OFFSET_METADATA_TOO_LARGE/,
  );
});

test('a partition without a commit is stalled at the offset where it began, even if retention deletes records', () => {
  const { window, stalls, metrics } = create();
  window.initialOffset = undefined;
  window.begin(4);
  const measure = (low: number, high: number) =>
    measureLag(window, low, high, stalls, {
      ...{ stream, metrics },
      stallCause: () => ({ reason: 'unreadable' }),
    });
  measure(4, 20);
  jest.advanceTimersByTime(60 * SECOND);
  measure(8, 20);
  expect(stalls.of(0)).toMatchObject({ offset: 4, reason: 'unreadable' });
  // Nothing is left to read.
  measure(20, 20);
  expect(stalls.of(0)).toBeUndefined();
});
