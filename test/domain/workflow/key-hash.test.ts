import { keyHash } from '../../../src/domain/workflow/key-hash';
import { kafkaRecord } from '../support/records';

const hashOf = (key: string | null, ordering: 'none' | 'key' | 'partition' = 'key') =>
  keyHash(ordering, kafkaRecord({ key: key === null ? null : Buffer.from(key) }));

test('the hash of a key depends on its bytes, and an empty key has a hash', () => {
  expect(hashOf('a')).toBe(hashOf('a'));
  expect(new Set([hashOf('a'), hashOf('b'), hashOf('')]).size).toBe(3);
  expect(hashOf('a')).toMatch(/^[\w-]{11}$/);
});

test('there is no hash without a key or without an order', () => {
  expect(hashOf(null)).toBeUndefined();
  expect(hashOf('a', 'none')).toBeUndefined();
});

test('all records of a partition have one hash if the order is by partition', () => {
  expect(hashOf(null, 'partition')).toBe(hashOf('a', 'partition'));
  expect(hashOf('a', 'partition')).toBeDefined();
});
