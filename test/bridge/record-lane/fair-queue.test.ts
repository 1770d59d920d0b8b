import fc from 'fast-check';
import { FairQueue } from '../../../src/bridge/record-lane/fair-queue';

interface Item {
  line: number;
  number: number;
}

const queueOf = (...lines: number[]) => {
  const queue = new FairQueue<number, Item>(({ line }) => line);
  lines.forEach((line, number) => queue.push({ line, number }));
  return queue;
};

test('an item that is alone in its line is given out after one item of each line before it', () => {
  const queue = queueOf(1, 1, 1, 2, 1, 3);
  const given = Array.from({ length: 6 }, () => queue.take()!.number);
  expect(given).toEqual([0, 3, 5, 1, 2, 4]);
  expect(queue.isEmpty).toBe(true);
  expect(queue.take()).toBeUndefined();
});

test('the removal of a line leaves the other lines as they are', () => {
  const queue = queueOf(1, 2, 1, 2);
  queue.take();
  expect(queue.remove(1)).toEqual([{ line: 1, number: 2 }]);
  expect(queue.remove(1)).toEqual([]);
  expect(queue.lines).toEqual([2]);
});

test('each item is given out once and in the order of its line, even if items are pushed in between', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant('take' as const)), {
    maxLength: 6_000,
    size: 'max',
  });
  fc.assert(
    fc.property(steps, (all) => {
      const queue = queueOf();
      const lines = new Map<number, Item[]>();
      const took = (item: Item | undefined) => {
        const expected = item && lines.get(item.line)!.shift();
        expect(item).toBe(expected);
      };
      all.forEach((step, number) => {
        if (step === 'take') return took(queue.take());
        const item = { line: step, number };
        queue.push(item);
        lines.set(step, [...(lines.get(step) ?? []), item]);
      });
      while (!queue.isEmpty) took(queue.take());
      expect([...lines.values()].flat()).toEqual([]);
    }),
    { numRuns: 20 },
  );
});
