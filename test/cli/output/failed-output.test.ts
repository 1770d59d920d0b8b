import { describeTimestamp } from '../../../src/domain/record/record';
import { cut, recordFacts } from '../../../src/cli/output/failed-output';

test.each([
  ['on a terminal', true, `${'x'.repeat(59)}…`],
  ['elsewhere', false, 'x'.repeat(200)],
])('a text of 200 characters is shown %s as %s', (_, isTTY, shown) => {
  expect(cut('x'.repeat(200), { isTTY })).toBe(shown);
  expect(cut('x'.repeat(60), { isTTY })).toBe('x'.repeat(60));
});

test('a message of several lines is shown on one line', () => {
  const text = '✖ Too small: expected number to be >0\n  → at amount';
  expect(cut(text, { isTTY: false })).toBe('✖ Too small: expected number to be >0 → at amount');
});

test.each([
  [-1, 'no timestamp'],
  [0, '1970-01-01T00:00:00.000Z'],
  [1e16, '10000000000000000'],
])('the timestamp %p is shown as %s', (timestamp, shown) => {
  const content = { key: null, value: null, headers: [] };
  const facts = recordFacts({ timestamp: describeTimestamp(timestamp), ...content });
  expect(facts[0]).toEqual(['timestamp', shown]);
});
