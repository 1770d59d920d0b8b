import { StartRate } from '../../../src/bridge/starts/start-rate';

const never = new AbortController().signal;

/** A server that takes so many starts a second, in whole seconds; returns the limit after each. */
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

test('there is no limit until the server names one', async () => {
  const changes: number[] = [];
  const rate = new StartRate((limit) => changes.push(limit));
  expect(run(rate, 400, 3)).toEqual([Infinity, Infinity, Infinity]);
  await rate.ready(never);
  expect(changes).toEqual([]);
});

test('it comes to rest about the limit of the server, neither stopping nor flooding', () => {
  const rate = new StartRate(() => undefined);
  run(rate, 50, 20);
  const settled = run(rate, 50, 200, 20);
  expect(Math.min(...settled)).toBeGreaterThan(50 * 0.6);
  expect(Math.max(...settled)).toBeLessThan(50 * 1.2);
  const mean = settled.reduce((sum, limit) => sum + limit) / settled.length;
  expect(mean).toBeGreaterThan(50 * 0.75);
});

test('refusals of the same second count once, and it never falls to nothing', () => {
  const rate = new StartRate(() => undefined);
  for (let i = 0; i < 100; i++) rate.succeeded(i * 10);
  expect(rate.exhausted(1_000)).toBe(50);
  expect(rate.exhausted(1_500)).toBe(50);
  expect(rate.exhausted(2_100)).toBe(35);
  for (let second = 4; second < 60; second++) rate.exhausted(second * 1_000);
  expect(rate.limit).toBe(1);
});

test('when the server takes everything again the limit goes', () => {
  const rate = new StartRate(() => undefined);
  run(rate, 50, 10);
  expect(run(rate, Infinity, 600, 10).at(-1)).toBe(Infinity);
});

test('starts take turns, and one that waits is given up when the bridge stops', async () => {
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
  // The pause after a refusal, and a tenth of a second for each but the first.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(790);
});
