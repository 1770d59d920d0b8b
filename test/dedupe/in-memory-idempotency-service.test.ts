import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { IdempotencySettings } from '../../src/domain/stream/idempotency-settings';
import {
  InMemoryIdempotencyService,
  type IdempotencyHooks,
} from '../../src/dedupe/in-memory-idempotency-service';

const opened: InMemoryIdempotencyService[] = [];
let now = 0;

function open(
  settings: Partial<IdempotencySettings> = {},
  hooks: IdempotencyHooks = { now: () => now },
): InMemoryIdempotencyService {
  const service = new InMemoryIdempotencyService(settings, hooks);
  opened.push(service);
  return service;
}

beforeEach(() => {
  now = 1_000;
  jest.useFakeTimers();
});

afterEach(() => {
  for (const service of opened.splice(0)) service.close();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

test('an invalid setting is refused by name, and leaves no timer', () => {
  expect(() => open({ maxEntries: 0 })).toThrow(RangeError);
  expect(() => open({ maxEntries: 0 })).toThrow('maxEntries');
});

describe('marks', () => {
  test('a key counts as processed after it is marked, and no other key does', () => {
    const service = open();
    expect(service.isProcessed('a')).toBe(false);
    service.markProcessed('a');
    expect(service.isProcessed('a')).toBe(true);
    expect(service.isProcessed('A')).toBe(false);
    expect(service.isProcessed('')).toBe(false);
  });

  test('a key that names a property of objects is like any other', () => {
    const service = open();
    for (const key of ['__proto__', 'constructor', '']) {
      expect(service.isProcessed(key)).toBe(false);
      service.markProcessed(key);
      expect(service.isProcessed(key)).toBe(true);
    }
  });

  test('a mark lasts for the retention, and a later check removes it', () => {
    const service = open({ retentionMs: 100 });
    service.markProcessed('a');
    now += 100;
    expect(service.isProcessed('a')).toBe(true);
    now += 1;
    expect(service.stats().size).toBe(1);
    expect(service.isProcessed('a')).toBe(false);
    expect(service.stats()).toMatchObject({ size: 0, expired: 1 });
  });

  test('marking a key again restarts its retention', () => {
    const service = open({ retentionMs: 100 });
    service.markProcessed('a');
    now += 60;
    service.markProcessed('a');
    now += 60;
    expect(service.isProcessed('a')).toBe(true);
    expect(service.stats().size).toBe(1);
  });

  test('the oldest mark is evicted first when the maximum is exceeded', () => {
    const service = open({ maxEntries: 2 });
    for (const key of ['a', 'b', 'c']) service.markProcessed(key);
    expect(['a', 'b', 'c'].map((key) => service.isProcessed(key))).toEqual([false, true, true]);
    expect(service.stats()).toMatchObject({ size: 2, evicted: 1, expired: 0 });
  });

  test('marking a key again makes it the youngest', () => {
    const service = open({ maxEntries: 2 });
    for (const key of ['a', 'b', 'a', 'c']) service.markProcessed(key);
    expect(['a', 'b', 'c'].map((key) => service.isProcessed(key))).toEqual([true, false, true]);
  });

  test('a check does not make a key younger', () => {
    const service = open({ maxEntries: 2 });
    service.markProcessed('a');
    service.markProcessed('b');
    service.isProcessed('a');
    service.markProcessed('c');
    expect(service.isProcessed('a')).toBe(false);
  });

  test('an expired mark that makes room counts as expired, not as evicted', () => {
    const service = open({ maxEntries: 1, retentionMs: 100 });
    service.markProcessed('a');
    now += 101;
    service.markProcessed('b');
    expect(service.stats()).toMatchObject({ size: 1, evicted: 0, expired: 1 });
  });

  test('evictions keep the order of age after a pause', () => {
    const service = open({ maxEntries: 3 });
    for (const key of ['a', 'b', 'c', 'd']) service.markProcessed(key);
    // More marks without an eviction than there are entries.
    for (let i = 0; i < 5; i++) service.markProcessed('b');
    service.markProcessed('e'); // c goes
    service.markProcessed('f'); // d goes
    const left = ['a', 'b', 'c', 'd', 'e', 'f'].filter((key) => service.isProcessed(key));
    expect(left).toEqual(['b', 'e', 'f']);
  });
});

test('marking the same keys again and again takes no more memory', () => {
  setFlagsFromString('--expose_gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const heapUsed = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const service = open({ maxEntries: 1_000 });
  const keys = Array.from({ length: 1_001 }, (_, i) => `key ${i}`);
  for (const key of keys) service.markProcessed(key); // the last one evicts
  const before = heapUsed();
  for (let i = 0; i < 500; i++) {
    for (const key of keys.slice(1)) service.markProcessed(key);
  }
  expect(service.stats()).toMatchObject({ size: 1_000, evicted: 1 });
  // Tables that the Map has outgrown would take about 30 MB here.
  expect(heapUsed() - before).toBeLessThan(8_000_000);
});

describe('locks', () => {
  test('another owner is refused until the lock is released', () => {
    const service = open();
    expect(service.tryAcquireLock('a', 'one')).toBe(true);
    expect(service.tryAcquireLock('a', 'two')).toBe(false);
    expect(service.tryAcquireLock('b', 'two')).toBe(true);
    expect(service.releaseLock('a', 'one')).toBe(true);
    expect(service.tryAcquireLock('a', 'two')).toBe(true);
    expect(service.stats()).toMatchObject({ locks: 2, lockWaits: 1 });
  });

  test('only its owner releases a lock', () => {
    const service = open();
    service.tryAcquireLock('a', 'one');
    expect(service.releaseLock('a', 'two')).toBe(false);
    expect(service.releaseLock('b', 'one')).toBe(false);
    expect(service.tryAcquireLock('a', 'two')).toBe(false);
  });

  test('a lock expires once the timeout has passed', () => {
    const service = open({ lockTimeoutMs: 100 });
    service.tryAcquireLock('a', 'one');
    now += 99;
    expect(service.tryAcquireLock('a', 'two')).toBe(false);
    now += 1;
    expect(service.tryAcquireLock('a', 'two')).toBe(true);
    expect(service.releaseLock('a', 'one')).toBe(false);
    expect(service.stats()).toMatchObject({ locks: 1, expiredLocks: 1 });
  });

  test('an owner learns from the release that its lock had expired', () => {
    const service = open({ lockTimeoutMs: 100 });
    service.tryAcquireLock('a', 'one');
    now += 100;
    expect(service.releaseLock('a', 'one')).toBe(false);
    expect(service.stats()).toMatchObject({ locks: 0, expiredLocks: 1 });
  });

  test("a lock's owner may acquire it again, which restarts the timeout", () => {
    const service = open({ lockTimeoutMs: 100 });
    service.tryAcquireLock('a', 'one');
    now += 60;
    expect(service.tryAcquireLock('a', 'one')).toBe(true);
    now += 60;
    expect(service.tryAcquireLock('a', 'two')).toBe(false);
    expect(service.stats()).toMatchObject({ locks: 1, expiredLocks: 0 });
  });

  test('marking a key drops its lock, whoever holds the lock', () => {
    const service = open();
    service.tryAcquireLock('a', 'one');
    service.markProcessed('a');
    expect(service.stats().locks).toBe(0);
    expect(service.tryAcquireLock('a', 'two')).toBe(true);
  });

  test('a locked key is not processed, and eviction does not remove locks', () => {
    const service = open({ maxEntries: 1 });
    service.tryAcquireLock('a', 'one');
    expect(service.isProcessed('a')).toBe(false);
    for (const key of ['b', 'c', 'd']) service.markProcessed(key);
    expect(service.tryAcquireLock('a', 'two')).toBe(false);
  });
});

describe('cleanup', () => {
  const settings = { retentionMs: 100, lockTimeoutMs: 50, cleanupIntervalMs: 1_000 };

  test('the timer removes what has expired, and nothing else', () => {
    const service = open(settings);
    service.markProcessed('old');
    service.tryAcquireLock('old lock', 'one');
    now += 101;
    service.markProcessed('young');
    service.tryAcquireLock('young lock', 'one');
    jest.advanceTimersByTime(999);
    expect(service.stats()).toMatchObject({ size: 2, locks: 2 });
    jest.advanceTimersByTime(1);
    expect(service.stats()).toMatchObject({ size: 1, locks: 1, expired: 1, expiredLocks: 1 });
    expect(service.isProcessed('young')).toBe(true);
    expect(service.tryAcquireLock('young lock', 'two')).toBe(false);
  });

  test('the timer repeats', () => {
    const service = open(settings);
    for (let i = 1; i <= 3; i++) {
      service.markProcessed(`key ${i}`);
      now += 101;
      jest.advanceTimersByTime(1_000);
      expect(service.stats()).toMatchObject({ size: 0, expired: i });
    }
  });

  test('a renewed lock does not hide expired ones behind it', () => {
    const service = open(settings);
    service.tryAcquireLock('renewed', 'one');
    service.tryAcquireLock('expired', 'one');
    now += 30;
    service.tryAcquireLock('renewed', 'one');
    now += 30;
    jest.advanceTimersByTime(1_000);
    expect(service.stats()).toMatchObject({ locks: 1, expiredLocks: 1 });
  });

  test('100,000 expired marks and 10,000 locks are removed in batches, with the event loop free in between', () => {
    const service = open(settings);
    for (let i = 0; i < 100_000; i++) service.markProcessed(`mark ${i}`);
    for (let i = 0; i < 10_000; i++) service.tryAcquireLock(`lock ${i}`, 'one');
    now += 101;
    service.markProcessed('young');
    const held = () => service.stats().size + service.stats().locks;

    jest.advanceTimersByTime(1_000);
    let turns = 1;
    let before = 110_000;
    while (held() > 1 && turns < 100) {
      expect(before - held()).toBeLessThanOrEqual(5_000);
      before = held();
      expect(service.isProcessed('young')).toBe(true);
      jest.advanceTimersByTime(1); // the next batch does not wait for the next interval
      turns++;
    }
    expect(turns).toBe(22);
    expect(service.stats()).toMatchObject({ size: 1, locks: 0, expired: 99_999 + 1 });
  });
});

describe('close', () => {
  test('stops the timer; a second call does nothing', () => {
    const service = open();
    expect(jest.getTimerCount()).toBe(1);
    service.close();
    service.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('stops a cleanup between two batches', () => {
    const service = open({ retentionMs: 100, cleanupIntervalMs: 1_000 });
    for (let i = 0; i < 12_000; i++) service.markProcessed(`mark ${i}`);
    now += 101;
    jest.advanceTimersByTime(1_000);
    service.close();
    expect(jest.getTimerCount()).toBe(0);
    expect(service.stats().size).toBe(7_000);
  });

  test('does not change the answers', () => {
    const service = open({ retentionMs: 100 });
    service.markProcessed('a');
    service.close();
    expect(service.isProcessed('a')).toBe(true);
    now += 101;
    expect(service.isProcessed('a')).toBe(false);
  });

  test('an open service does not keep the process alive', () => {
    jest.useRealTimers();
    const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout');
    const before = timers().length;
    open();
    expect(timers()).toHaveLength(before);
    jest.useFakeTimers();
  });
});

test('the default clock is monotonic', () => {
  const service = open({ retentionMs: 1_000 }, {});
  service.markProcessed('a');
  jest.setSystemTime(Date.now() + 3_600_000); // the wall clock is corrected
  expect(service.isProcessed('a')).toBe(true);
  jest.advanceTimersByTime(1_001);
  expect(service.isProcessed('a')).toBe(false);
});

describe('statistics', () => {
  function useAll(service: InMemoryIdempotencyService): void {
    service.isProcessed('a');
    service.tryAcquireLock('a', 'one');
    service.tryAcquireLock('a', 'two');
    service.markProcessed('a');
    service.isProcessed('a');
    service.markProcessed('b'); // evicts a
    service.tryAcquireLock('b', 'one');
    now += 3_600_001;
    service.isProcessed('b');
    service.tryAcquireLock('b', 'two');
  }

  test('count every kind of event, and a snapshot does not change afterwards', () => {
    const service = open({ maxEntries: 1 });
    const before = service.stats();
    useAll(service);
    const none = { checked: 0, duplicates: 0, evicted: 0, expired: 0, lockWaits: 0 };
    expect(before).toEqual({ size: 0, locks: 0, ...none, expiredLocks: 0 });
    expect(service.stats()).toEqual({
      size: 0,
      locks: 1,
      checked: 3,
      duplicates: 1,
      evicted: 1,
      expired: 1,
      lockWaits: 1,
      expiredLocks: 1,
    });
  });

  test('show only the present sizes when they are switched off', () => {
    const service = open({ maxEntries: 1, statistics: false });
    useAll(service);
    const none = { checked: 0, duplicates: 0, evicted: 0, expired: 0, lockWaits: 0 };
    expect(service.stats()).toEqual({ size: 0, locks: 1, ...none, expiredLocks: 0 });
  });
});

describe('detailed logging', () => {
  test('logs every event with its key and owner', () => {
    const log = jest.fn();
    const settings = { maxEntries: 1, retentionMs: 100, lockTimeoutMs: 50, detailedLogging: true };
    const service = open(settings, { now: () => now, log });
    service.tryAcquireLock('a', 'one');
    service.tryAcquireLock('a', 'two');
    service.markProcessed('a');
    service.markProcessed('b');
    service.tryAcquireLock('c', 'one');
    now += 101;
    service.isProcessed('b');
    service.tryAcquireLock('c', 'two');
    service.releaseLock('c', 'two');
    expect(log.mock.calls).toEqual([
      ['lockAcquired', { key: 'a', owner: 'one' }],
      ['lockRefused', { key: 'a', owner: 'two' }],
      ['lockReleased', { key: 'a', owner: 'one' }],
      ['marked', { key: 'a' }],
      ['marked', { key: 'b' }],
      ['evicted', { key: 'a' }],
      ['lockAcquired', { key: 'c', owner: 'one' }],
      ['expired', { key: 'b' }],
      ['lockExpired', { key: 'c', owner: 'one' }],
      ['lockAcquired', { key: 'c', owner: 'two' }],
      ['lockReleased', { key: 'c', owner: 'two' }],
    ]);
  });

  test('is off by default', () => {
    const log = jest.fn();
    const service = open({}, { log });
    service.tryAcquireLock('a', 'one');
    service.markProcessed('a');
    expect(log).not.toHaveBeenCalled();
  });
});
