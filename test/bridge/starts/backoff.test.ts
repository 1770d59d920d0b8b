import { Backoff } from '../../../src/bridge/starts/backoff';

const never = new AbortController().signal;

describe('the wait after a failed start', () => {
  let now: number;
  beforeEach(() => {
    now = 1_000_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
  });
  afterEach(() => jest.restoreAllMocks());

  /** Reports failures, each at the end of the previous wait. Returns the waits in milliseconds. */
  function waits(backoff: Backoff, count: number): number[] {
    return Array.from({ length: count }, () => {
      const wait = backoff.failed();
      now += wait;
      return wait;
    });
  }

  test('doubles with each failure, up to ten seconds', () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    expect(waits(new Backoff(), 8)).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  test('is at least half of the doubled time, so that bridges come back one by one', () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    expect(waits(new Backoff(), 3)).toEqual([100, 200, 400]);
  });

  test('is shared by failures of starts that were under way together', () => {
    const backoff = new Backoff();
    const first = backoff.failed();
    expect(backoff.failed()).toBe(first);
    now += first / 2;
    expect(backoff.failed()).toBeCloseTo(first / 2);
  });

  test('is the shortest wait again after a success', () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const backoff = new Backoff();
    waits(backoff, 4);
    expect(backoff.active).toBe(true);
    backoff.succeeded();
    expect(backoff.active).toBe(false);
    expect(backoff.failed()).toBe(200);
  });
});

describe('ready', () => {
  test('resolves at once if no start has failed', async () => {
    await new Backoff().ready(never);
  });

  test('resolves only when the wait after a failure is over', async () => {
    const backoff = new Backoff();
    const until = Date.now() + backoff.failed();
    const ready = backoff.ready(never).then(() => Date.now());
    // A timer may fire early by less than a millisecond.
    expect(await ready).toBeGreaterThanOrEqual(until - 1);
  });

  test('rejects when the signal aborts before or during the wait', async () => {
    const backoff = new Backoff();
    await expect(backoff.ready(AbortSignal.abort())).rejects.toThrow(/abort/);
    const stopping = new AbortController();
    backoff.failed();
    const ready = backoff.ready(stopping.signal);
    stopping.abort();
    await expect(ready).rejects.toThrow(/abort/);
  });
});
