import {
  STEP_MS,
  STEPS,
  StreamHistory,
  type HistoryView,
  type SeriesName,
} from '../../../src/page/history/stream-history';

/** The middle of a step. */
const START = Date.UTC(2026, 0, 1) + STEP_MS / 2;
const timeOf = (step: number) => START + step * STEP_MS;

const sample = (partition: number, delivered: number, more = {}) => ({
  ...{ partition, delivered, duplicates: 0, retries: 0, lag: 0, lagSeconds: 0 },
  ...more,
});

/** Adds samples at these steps; step 0 is the one at which the history begins. */
function historyOf(steps: Record<number, ReturnType<typeof sample>[]>): StreamHistory {
  const history = new StreamHistory(START);
  for (const [step, partitions] of Object.entries(steps)) {
    history.add(timeOf(Number(step)), partitions, timeOf(Number(step)));
  }
  return history;
}

/** The last values at a step, oldest first. The step that is under way has none yet. */
function last(
  history: StreamHistory,
  name: SeriesName,
  { step, count, partition }: { step: number; count: number; partition?: number },
) {
  return history.view(timeOf(step), partition, true).series[name].slice(-count);
}

test('totals become growth a second, and gauges stay as they are', () => {
  const history = historyOf({
    0: [sample(0, 1_000, { duplicates: 7, retries: 1, lag: 5, lagSeconds: 1.5 })],
    1: [sample(0, 1_050, { duplicates: 8, retries: 1, lag: 6, lagSeconds: 2.5 })],
    2: [sample(0, 1_051, { duplicates: 8, retries: 4, lag: 0, lagSeconds: 0 })],
  });
  const { series } = history.view(timeOf(3), undefined, true);
  expect(series.delivered.slice(-3)).toEqual([null, 10, 0.2]);
  expect(series.duplicates.slice(-3)).toEqual([null, 0.2, 0]);
  expect(series.retries.slice(-3)).toEqual([null, 0, 0.6]);
  expect(series.lag.slice(-3)).toEqual([5, 6, 0]);
  expect(series.lagSeconds.slice(-3)).toEqual([1.5, 2.5, 0]);
});

test('a rate counts the time that has passed between the samples', () => {
  const history = new StreamHistory(START);
  history.add(timeOf(0) - 1_000, [sample(0, 0)], timeOf(0));
  history.add(timeOf(1) + 1_000, [sample(0, 70)], timeOf(1) + 1_000);
  expect(last(history, 'delivered', { step: 2, count: 1 })).toEqual([10]);
});

test('all partitions have the sum of the partitions, and the longest lag in seconds', () => {
  const history = historyOf({
    0: [sample(0, 0, { lag: 3, lagSeconds: 9 }), sample(1, 0, { lag: 4, lagSeconds: NaN })],
    1: [sample(0, 5, { lag: 1, lagSeconds: 2 }), sample(1, 10, { lag: 1, lagSeconds: 8 })],
  });
  const at = { step: 2, count: 2 };
  expect(last(history, 'lag', at)).toEqual([7, 2]);
  expect(last(history, 'lagSeconds', at)).toEqual([9, 8]);
  expect(last(history, 'delivered', at)).toEqual([null, 3]);
  expect(last(history, 'delivered', { ...at, partition: 1 })).toEqual([null, 2]);
  expect(last(history, 'lagSeconds', { ...at, partition: 1 })).toEqual([null, 8]);
  expect(last(history, 'lag', { ...at, partition: 7 })).toEqual([null, null]);
  expect(history.view(timeOf(2), 1, true).partitions).toEqual([0, 1]);
});

describe('no peak comes', () => {
  test('after a step without a sample, which is a gap', () => {
    const history = historyOf({ 0: [sample(0, 0)], 1: [sample(0, 5)], 3: [sample(0, 5_000)] });
    history.add(timeOf(4), [sample(0, 5_005)], timeOf(4));
    expect(last(history, 'delivered', { step: 5, count: 4 })).toEqual([1, null, null, 1]);
    expect(last(history, 'lag', { step: 5, count: 4 })).toEqual([0, null, 0, 0]);
  });

  test('after totals that begin again, or that are not known for a while', () => {
    const totals = [900, 905, 0, 10, NaN, 9_000, 9_005];
    const history = historyOf(totals.map((delivered) => [sample(0, delivered)]));
    const rates = last(history, 'delivered', { step: totals.length, count: totals.length });
    expect(rates).toEqual([null, 1, null, 2, null, null, 1]);
  });

  test('from a partition that is new, or that comes back', () => {
    const history = historyOf({
      0: [sample(0, 0)],
      1: [sample(0, 5), sample(1, 9_000)],
      2: [sample(0, 10)],
      3: [sample(0, 15), sample(1, 9_100)],
    });
    expect(last(history, 'delivered', { step: 4, count: 3 })).toEqual([1, 1, 1]);
    expect(last(history, 'delivered', { step: 4, count: 3, partition: 1 })).toEqual([
      null,
      null,
      null,
    ]);
  });

  test('when the clock goes back: the plots begin again', () => {
    const history = historyOf({ 100: [sample(0, 0)], 101: [sample(0, 5)] });
    history.add(timeOf(50), [sample(0, 1_000)], timeOf(50));
    history.add(timeOf(51), [sample(0, 1_005)], timeOf(51));
    const known = last(history, 'delivered', { step: 52, count: STEPS }).filter(
      (value) => value !== null,
    );
    expect(known).toEqual([1]);
  });
});

describe('the ring', () => {
  const steps = 3 * STEPS;
  const full = () =>
    historyOf(Object.fromEntries(Array.from({ length: steps }, (_, n) => [n, [sample(0, 5 * n)]])));

  const known = ({ series }: HistoryView, name: SeriesName) =>
    series[name].filter((value) => value !== null).length;

  test('holds the last 15 minutes, with a rate at each step', () => {
    const view = full().view(timeOf(steps), undefined, true);
    expect(view.series.delivered).toEqual(Array.from({ length: STEPS }, () => 1));
    expect(view.stepMs).toBe(STEP_MS);
    expect(Date.parse(view.to) - Date.parse(view.from)).toBe((STEPS - 1) * STEP_MS);
    expect(timeOf(steps - 1) - Date.parse(view.to)).toBe(STEP_MS / 2);
    expect(Date.parse(view.since)).toBe(START);
  });

  test('forgets what is older, also when no samples come', () => {
    const history = full();
    expect(known(history.view(timeOf(steps + 10), undefined, true), 'lag')).toBe(STEPS - 10);
    expect(known(history.view(timeOf(10 * steps), undefined, true), 'lag')).toBe(0);
  });

  test('takes a sample that ends in a later step than it began', () => {
    const history = historyOf({ 0: [sample(0, 0)] });
    history.add(timeOf(1), [sample(0, 5)], timeOf(3));
    history.add(timeOf(-1_000), [sample(0, 5)], timeOf(3));
    expect(last(history, 'delivered', { step: 4, count: 4 })).toEqual([null, 1, null, null]);
  });
});

describe('dead letters', () => {
  const lettered = () => {
    const history = historyOf({ 0: [sample(0, 0), sample(1, 0)] });
    for (const partition of [0, 0, 1, 9, undefined]) {
      history.addLetter(timeOf(-2), partition, timeOf(0));
    }
    return history;
  };

  test('count at the time when their records were given up, also before the page started', () => {
    const at = { step: 1, count: 3 };
    expect(last(lettered(), 'deadLetters', at)).toEqual([1, 0, 0]);
    expect(last(lettered(), 'deadLetters', { ...at, partition: 0 })).toEqual([0.4, 0, 0]);
    expect(last(lettered(), 'deadLetters', { ...at, partition: 1 })).toEqual([0.2, 0, 0]);
  });

  test('are not known until all have been counted', () => {
    const { series } = lettered().view(timeOf(1), undefined, false);
    expect(new Set(series.deadLetters)).toEqual(new Set([null]));
  });

  test('of a clock that is ahead count now, and those of long ago do not count', () => {
    const history = historyOf({});
    history.addLetter(timeOf(1_000), 0, timeOf(0));
    history.addLetter(timeOf(-1_000), 0, timeOf(0));
    history.addLetter(0, 0, timeOf(0));
    expect(last(history, 'deadLetters', { step: 1, count: 2 })).toEqual([0, 0.2]);
  });
});
