import { setTimeout as sleep } from 'node:timers/promises';
import { mapConcurrently } from '../../src/lib/concurrently';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('mapConcurrently keeps the order of the items, and never exceeds the limit', async () => {
  let inWork = 0;
  let most = 0;
  const items = Array.from({ length: 20 }, (_, i) => i);
  const results = mapConcurrently(items, 4, async (item) => {
    most = Math.max(most, ++inWork);
    await sleep((20 - item) % 5);
    inWork--;
    return item * 2;
  });
  expect(await collect(results)).toEqual(items.map((item) => item * 2));
  expect(most).toBe(4);
});

test('mapConcurrently maps all items if there are fewer than the limit', async () => {
  expect(await collect(mapConcurrently([1, 2], 10, (n) => Promise.resolve(n)))).toEqual([1, 2]);
  expect(await collect(mapConcurrently([], 10, (n) => Promise.resolve(n)))).toEqual([]);
});

test('mapConcurrently stops the source when its caller leaves early, after running calls have ended', async () => {
  const started: number[] = [];
  let ended = 0;
  let released = false;
  // eslint-disable-next-line @typescript-eslint/require-await -- a source is asynchronous
  async function* source() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      released = true;
    }
  }
  for await (const item of mapConcurrently(source(), 3, async (i) => {
    started.push(i);
    await sleep(1);
    ended++;
    return i;
  })) {
    if (item === 2) break;
  }
  expect(released).toBe(true);
  expect(ended).toBe(started.length);
  expect(started.length).toBeLessThanOrEqual(6);
});

test('mapConcurrently throws the first error in order, and leaves no rejection unhandled', async () => {
  const results = mapConcurrently([1, 2, 3, 4], 3, async (item) => {
    await sleep(5 - item);
    if (item >= 2) throw new Error(`item ${item}`);
    return item;
  });
  await expect(collect(results)).rejects.toThrow('item 2');
});
