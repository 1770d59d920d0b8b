import fc from 'fast-check';
import { objectName } from '../../src/sinks/object-name';
import { messageIds } from '../domain/support/records';

test.each([
  ['42', '42'],
  ['order-7_a.json', 'order-7_a.json'],
  ['Order', 'Order'],
  ['.', '%2E'],
  ['..', '%2E.'],
  ['.hidden', '%2Ehidden'],
  ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd'],
  ['a\\b', 'a%5Cb'],
  ['a b', 'a%20b'],
  ['100%', '100%25'],
  ['~', '%7E'],
  ['é', '%C3%A9'],
  ['a\0b', 'a%00b'],
])('the object name of %j is %s', (id, name) => {
  expect(objectName(id)).toBe(name);
});

test('an object name is safe as a file name, with room for an extension', () => {
  fc.assert(
    fc.property(messageIds, (id) => {
      const name = objectName(id);
      expect(name).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%~-]*$/);
      expect(Buffer.byteLength(`${name}.json`)).toBeLessThanOrEqual(255);
    }),
    { numRuns: 1_000 },
  );
});

test('two ids never have the same object name', () => {
  // Ids that look like the names of other ids are the difficult ones.
  const id = fc.oneof(
    messageIds,
    messageIds.map(objectName),
    messageIds.map((other) => `.${other}`),
    fc
      .tuple(fc.constantFrom('a', 'é', '/'), fc.integer({ min: 60, max: 260 }))
      .map(([c, n]) => c.repeat(n)),
  );
  fc.assert(
    fc.property(id, id, (one, other) => {
      fc.pre(one !== other);
      expect(objectName(one)).not.toBe(objectName(other));
    }),
    { numRuns: 2_000 },
  );
});

test('long ids with the same beginning get different names with a readable beginning', () => {
  const names = ['a', 'b', 'c'].map((end) => objectName('x'.repeat(500) + end));
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^x{135}~[0-9a-f]{64}$/);
});

test('the longest name that is not cut has 200 characters', () => {
  expect(objectName('x'.repeat(200))).toBe('x'.repeat(200));
  expect(objectName('x'.repeat(201))).toHaveLength(200);
});
