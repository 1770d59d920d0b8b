import { StartRate } from '../../../src/bridge/starts/start-rate';

const never = new AbortController().signal;

/** Runs against a server that takes `perSecond` starts a second. Returns the rate limit after each second. */
function run(rate: StartRate, perSecond: number, seconds: number, from = 0): number[] {
  const limits: number[] = [];
  for (let second = from; second < from + seconds; second++) {
    const wanted = Math.min(Math.round(rate.limit), 400);
    for (let i = 0; i < wanted; i++) {
      const now = second * 1_000 + (i * 1_000) / wanted;
      if (i < perSecond) rate.succeeded(now);
      else rate.exhausted(now);
    }
    limits.push(rate.limit);
  }
  return limits;
}

test('starts are not limited until the server refuses one', async () => {
  const changes: number[] = [];
  const rate = new StartRate((limit) => changes.push(limit));
  expect(run(rate, 400, 3)).toEqual([Infinity, Infinity, Infinity]);
  await rate.ready(never);
  expect(changes).toEqual([]);
});

test('the rate settles near the limit of the server, and neither stops nor floods it', () => {
  const rate = new StartRate(() => undefined);
  run(rate, 50, 20);
  const settled = run(rate, 50, 200, 20);
  expect(Math.min(...settled)).toBeGreaterThan(50 * 0.6);
  expect(Math.max(...settled)).toBeLessThan(50 * 1.2);
  const mean = settled.reduce((sum, limit) => sum + limit) / settled.length;
  expect(mean).toBeGreaterThan(50 * 0.75);
});

test('refusals within one second lower the rate once, and the rate never falls below one a second', () => {
  const rate = new StartRate(() => undefined);
  for (let i = 0; i < 100; i++) rate.succeeded(i * 10);
  expect(rate.exhausted(1_000)).toBe(50);
  expect(rate.exhausted(1_500)).toBe(50);
  expect(rate.exhausted(2_100)).toBe(35);
  for (let second = 4; second < 60; second++) rate.exhausted(second * 1_000);
  expect(rate.limit).toBe(1);
});

test('the limit is lifted when the server accepts every start again', () => {
  const rate = new StartRate(() => undefined);
  run(rate, 50, 10);
  expect(run(rate, Infinity, 600, 10).at(-1)).toBe(Infinity);
});

test('starts pass in turn, and a start that waits is rejected when the bridge stops', async () => {
  const rate = new StartRate(() => undefined);
  for (let i = 0; i < 20; i++) rate.succeeded();
  expect(rate.exhausted()).toBe(10);
  const begun = Date.now();
  const passed: number[] = [];
  const turns = [0, 1, 2, 3].map((i) => rate.ready(never).then(() => passed.push(i)));
  const stop = new AbortController();
  const last = rate.ready(stop.signal);
  stop.abort();
  await expect(last).rejects.toThrow('aborted');
  await Promise.all(turns);
  expect(passed).toEqual([0, 1, 2, 3]);
  // The pause after the refusal, and a tenth of a second for each start but the first.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(790);
});
