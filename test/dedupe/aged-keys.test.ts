import fc from 'fast-check';
import { AgedKeys } from '../../src/dedupe/aged-keys';

/** Expects the keys to equal the Map. The Map deletes each key before it sets it, so it is in order of setting. */
function check(keys: AgedKeys, map: Map<string, number>, asked: Iterable<string>): void {
  expect(keys.size).toBe(map.size);
  expect(keys.oldest()).toBe(map.keys().next().value);
  expect(keys.oldestTime()).toBe(map.values().next().value);
  for (const key of asked) expect(keys.get(key)).toBe(map.get(key));
}

const key = fc.oneof(fc.string({ maxLength: 3 }), fc.string({ unit: 'binary', maxLength: 40 }));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ set: key, time: fc.double({ noNaN: true }) }) },
  { weight: 2, arbitrary: fc.record({ delete: key }) },
  { weight: 1, arbitrary: fc.constant('evict' as const) },
);

test('AgedKeys equals a Map in the order of setting after any operations', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const keys = new AgedKeys();
      const map = new Map<string, number>();
      const seen = new Set<string>();
      for (const one of steps) {
        if (one === 'evict') {
          const oldest = keys.oldest();
          if (oldest === undefined) continue;
          keys.delete(oldest);
          map.delete(oldest);
        } else if ('set' in one) {
          seen.add(one.set);
          keys.set(one.set, one.time);
          map.delete(one.set);
          map.set(one.set, one.time);
        } else {
          keys.delete(one.delete);
          map.delete(one.delete);
        }
        check(keys, map, seen);
      }
    }),
  );
});

test('AgedKeys equals a Map while it grows, and while as many keys are deleted as set', () => {
  const keys = new AgedKeys();
  const map = new Map<string, number>();
  let state = 1;
  const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let i = 0; i < 100_000; i++) {
    const one = `key ${random(20_000)}`;
    if (random(3) === 0) {
      keys.delete(one);
      map.delete(one);
    } else {
      keys.set(one, i);
      map.delete(one);
      map.set(one, i);
    }
  }
  check(
    keys,
    map,
    Array.from({ length: 20_000 }, (_, i) => `key ${i}`),
  );
  const order: string[] = [];
  for (let one = keys.oldest(); one !== undefined; one = keys.oldest()) {
    order.push(one);
    keys.delete(one);
  }
  expect(order).toEqual([...map.keys()]);
  expect(keys.size).toBe(0);
});
