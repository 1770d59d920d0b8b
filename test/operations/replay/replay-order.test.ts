import { sentBackHeaders } from '../../../src/domain/workflow/dead-letter';
import type { Ordering } from '../../../src/domain/stream/stream';
import { queuesOf } from '../../../src/operations/replay/replay-order';
import { letter } from '../support/letters';

const at = (offset: number, key: string | null, partition = 0) =>
  letter({
    at: 100 - offset,
    record: { offset, partition, key: key === null ? null : Buffer.from(key) },
  });
const letters = [at(9, 'b'), at(3, 'a'), at(5, null), at(4, null), at(7, 'a'), at(1, 'a', 1)];

const offsets = (ordering: Ordering, some = letters, all = some) =>
  queuesOf(ordering, some, all).map((queue) => queue.map(({ offset }) => offset));

test('each letter is a queue of its own without an order, oldest record first', () => {
  expect(offsets('none')).toEqual([[3], [4], [5], [7], [9], [1]]);
});

test('letters of one key and partition are a queue with order by key, and a record without a key is a queue of its own', () => {
  expect(offsets('key')).toEqual([[3, 7], [4], [5], [9], [1]]);
});

test('letters of one partition are a queue with order by partition', () => {
  expect(offsets('partition')).toEqual([[3, 4, 5, 7, 9], [1]]);
});

test('a record keeps its first position in the order, however often it was sent back', () => {
  const from = (offset: number) => sentBackHeaders({ topic: 'dead', partition: 0, offset }, 1);
  const key = Buffer.from('a');
  const first = at(3, 'a');
  const second = letter({ at: 50, record: { offset: 20, key, headers: from(97) } });
  const third = letter({ at: 60, record: { offset: 30, key, headers: from(50) } });
  expect(offsets('key', [third, at(7, 'a')], [first, second, third, at(7, 'a')])).toEqual([
    [30, 7],
  ]);
  // A forged circle of headers is followed only once.
  const circle = letter({ at: 70, record: { offset: 40, key, headers: from(70) } });
  expect(offsets('key', [circle, at(7, 'a')])).toEqual([[7, 40]]);
});

test("a letter without its record's position comes first", () => {
  const unknown = { ...at(0, 'a'), topic: null, partition: null, offset: null };
  expect(offsets('none', [at(3, 'a'), unknown])).toEqual([[null], [3]]);
});

test('the head of a held key comes first, and records that were given up before it come last', () => {
  const some = [at(3, 'a'), at(5, 'a'), at(9, 'a'), at(4, 'b')];
  const isHead = (partition: number, offset: number) => partition === 0 && offset === 5;
  const queues = queuesOf('key', some, some, isHead);
  expect(queues.map((queue) => queue.map(({ offset }) => offset))).toEqual([[5, 9, 3], [4]]);
});
