import { keyHash } from '../../../src/domain/workflow/key-hash';
import { kafkaRecord } from '../support/records';

const hashOf = (key: string | null, ordering: 'none' | 'key' | 'partition' = 'key') =>
  keyHash(ordering, kafkaRecord({ key: key === null ? null : Buffer.from(key) }));

test('a key has one hash, by its bytes; an empty one is a key', () => {
  expect(hashOf('a')).toBe(hashOf('a'));
  expect(new Set([hashOf('a'), hashOf('b'), hashOf('')]).size).toBe(3);
  expect(hashOf('a')).toMatch(/^[\w-]{11}$/);
});

test('without a key there is no order by key, and without an order no hash', () => {
  expect(hashOf(null)).toBeUndefined();
  expect(hashOf('a', 'none')).toBeUndefined();
});

test('a partition is one key', () => {
  expect(hashOf(null, 'partition')).toBe(hashOf('a', 'partition'));
  expect(hashOf('a', 'partition')).toBeDefined();
});
