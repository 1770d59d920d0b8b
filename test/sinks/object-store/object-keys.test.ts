import fc from 'fast-check';
import { UsageError } from '../../../src/domain/errors';
import { objectKeys } from '../../../src/sinks/object-store/object-keys';
import { messageIds } from '../../domain/support/records';

const range = { topic: 't', partition: 2, first: 3, last: 4 };

test.each([
  ['', '42.json', 'chunks/t/2/3-4.ndjson'],
  ['a', 'a/42.json', 'a/chunks/t/2/3-4.ndjson'],
  ['a b/c=1/é', 'a b/c=1/é/42.json', 'a b/c=1/é/chunks/t/2/3-4.ndjson'],
])('keys begin with the prefix "%s"', (prefix, message, chunk) => {
  const keys = objectKeys(prefix);
  expect(keys.message('42')).toBe(message);
  expect(keys.chunk(range)).toBe(chunk);
  expect([keys.kind(message), keys.kind(chunk)]).toEqual(['message', 'chunk']);
});

test.each(['/a', 'a/', '/', 'a//b', '.', '..', 'a/../b', 'a/./b', 'a\\b', 'a\nb', '\0', '\ud800'])(
  'the prefix %j is refused',
  (prefix) => expect(() => objectKeys(prefix)).toThrow(UsageError),
);

test('a prefix that makes keys too long is refused', () => {
  const part = 'x'.repeat(255);
  expect(() => objectKeys('x'.repeat(256))).toThrow(/255 bytes/);
  expect(() => objectKeys(`${part}/${part}/x`)).toThrow(/512 bytes/);
  const keys = objectKeys(`${part}/${part}`);
  const longest = { topic: 't'.repeat(249), partition: 2 ** 31 - 1, first: 2 ** 53, last: 2 ** 53 };
  expect(Buffer.byteLength(keys.chunk(longest))).toBeLessThanOrEqual(1_024);
  expect(Buffer.byteLength(keys.message('é'.repeat(1_024)))).toBeLessThanOrEqual(1_024);
});

test.each(['', 'a.b', 'a/b', 'x'.repeat(17)])('the extension "%s" is refused', (extension) => {
  expect(() => objectKeys('', extension)).toThrow(UsageError);
});

test.each([
  'other/42.json',
  'a/42.txt',
  'a/b/42.json',
  'a/chunks/t/2/3-4.json',
  'a/chunks/t/2/x/3-4.ndjson',
  'a/x/t/2/3-4.ndjson',
  'a',
])('the object %s does not belong to the sink', (key) => {
  expect(objectKeys('a').kind(key)).toBeUndefined();
});

test('a message never has the key of a chunk', () => {
  const keys = objectKeys('a', 'ndjson');
  fc.assert(
    fc.property(messageIds, (id) => {
      expect(keys.kind(keys.message(id))).toBe('message');
    }),
  );
  expect(keys.kind(keys.chunk(range))).toBe('chunk');
});
