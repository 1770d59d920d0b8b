import { GroupedCalls } from '../../src/temporal/grouped-calls';

test('one call runs at a time, and items that come meanwhile share the next call and get their own results', async () => {
  const calls: number[][] = [];
  let open = 0;
  const grouped = new GroupedCalls(3, async (items: number[]) => {
    expect(open++).toBe(0);
    calls.push(items);
    await new Promise((resolve) => setTimeout(resolve, 1));
    open--;
    return items.map((item) => item * 10);
  });
  const results = await Promise.all([1, 2, 3, 4, 5].map((item) => grouped.add(item)));
  expect(results).toEqual([10, 20, 30, 40, 50]);
  expect(calls).toEqual([[1], [2, 3, 4], [5]]);
  expect(await grouped.add(6)).toBe(60);
});

test('a failed call rejects only its own items, and the next call is made', async () => {
  const grouped = new GroupedCalls(2, (items: string[]) =>
    items.includes('bad') ? Promise.reject(new Error('no')) : Promise.resolve(items),
  );
  const results = await Promise.allSettled(['a', 'b', 'bad', 'c'].map((item) => grouped.add(item)));
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
});
