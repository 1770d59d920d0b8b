import { RecentLayer } from '../../src/dedupe/recent-layer';
import { LARGEST_IDEMPOTENCY_SETTINGS } from '../../src/domain/stream/idempotency-settings';
import { InMemoryIdempotencyService } from '../../src/dedupe/in-memory-idempotency-service';

let now: number;
let service: InMemoryIdempotencyService;
let recent: RecentLayer;

beforeEach(() => {
  jest.useFakeTimers();
  now = 0;
  service = new InMemoryIdempotencyService({ lockTimeoutMs: 1_000 }, { now: () => now });
  recent = new RecentLayer(service, 1_000);
});
afterEach(() => {
  service.close();
  jest.useRealTimers();
});

async function pass(ms: number) {
  now += ms;
  await jest.advanceTimersByTimeAsync(ms);
}

/** Starts `count` waits for the key. The result says how many of them have ended. */
function waits(key: string, count: number) {
  const ended: number[] = [];
  for (let i = 0; i < count; i++) void recent.freed(key).then(() => ended.push(i));
  return ended;
}

test('a second record waits for the first in flight, and is a duplicate once the first is delivered', async () => {
  expect(recent.enter('k', 'first')).toBe('new');
  expect(recent.enter('k', 'second')).toBe('in flight');
  const ended = waits('k', 3);
  await pass(500);
  expect(ended).toEqual([]);
  recent.leave('k', 'first', true);
  await pass(0);
  expect(ended).toEqual([0, 1, 2]);
  expect(recent.enter('k', 'second')).toBe('duplicate');
});

test('a second record waits for the first in flight, and is new when the first fails', async () => {
  recent.enter('k', 'first');
  const ended = waits('k', 1);
  recent.leave('k', 'first', false);
  await pass(0);
  expect(ended).toEqual([0]);
  expect(recent.enter('k', 'second')).toBe('new');
  expect(recent.enter('k', 'third')).toBe('in flight');
});

test('a second record waits no longer than until the lock of the first expires', async () => {
  recent.enter('k', 'first');
  const ended = waits('k', 1);
  await pass(1_050);
  expect(ended).toEqual([0]);
  expect(recent.enter('k', 'second')).toBe('new');
});

test('a late end of the first record does not release the lock of the second', async () => {
  recent.enter('k', 'first');
  await pass(1_001);
  recent.enter('k', 'second');
  recent.leave('k', 'first', false);
  expect(recent.enter('k', 'third')).toBe('in flight');
});

test('records of different keys do not wait for each other', async () => {
  recent.enter('k', 'first');
  recent.enter('other', 'first');
  const ended = waits('k', 1);
  recent.leave('other', 'first', true);
  await pass(0);
  expect(ended).toEqual([]);
  expect(recent.enter('third', 'first')).toBe('new');
});

test('a duplicate waits when the lock has the longest timeout that a stream can set', async () => {
  recent = new RecentLayer(service, LARGEST_IDEMPOTENCY_SETTINGS.lockTimeoutMs);
  const ended = waits('k', 1);
  await pass(60_000);
  expect(ended).toEqual([]);
});
