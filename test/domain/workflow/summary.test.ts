import { BRAKE } from '../../../src/domain/stream/brake';
import { summary, summaryOfStart } from '../../../src/domain/workflow/summary';

const place = { stream: 'payments', topic: 'shop.payments', partition: 3, offset: 7, timestamp: 0 };

/** The size of the SDK's payload of a summary. Temporal limits it to 400 bytes. */
const payloadBytes = (text: string) => Buffer.byteLength(JSON.stringify(text)) + 40;

test('a summary names a record by its stream and message id', () => {
  expect(summaryOfStart({ ...place, messageId: 'p-3' })).toBe('payments `p-3`');
});

test('a summary names an invalid record by its id or key, and by its position', () => {
  const invalid = { ...place, messageId: null };
  expect(summaryOfStart({ ...invalid, key: 'k' })).toBe('payments invalid `k` shop.payments/3@7');
  expect(summaryOfStart({ ...invalid, key: 'k', rawId: 'x' })).toContain('`x`');
  expect(summaryOfStart(invalid)).toBe('payments invalid shop.payments/3@7');
});

test('a summary names a chunk by its range of offsets', () => {
  const chunk = { ...place, messageId: null, first: 7, last: 90, count: 80, firstRecord: 7 };
  expect(summaryOfStart(chunk)).toBe('payments shop.payments/3@7 to 90');
});

test.each([
  ['quotes', '"\\'.repeat(512)],
  ['characters of three bytes', '語'.repeat(341)],
  ['controls', '\u0000\u001b\u2028'.repeat(300)],
])('an id of %s is cut to the size that the server accepts', (_, messageId) => {
  const text = summaryOfStart({ ...place, stream: 's'.repeat(64), messageId });
  expect(payloadBytes(text)).toBeLessThan(400);
  expect(text).not.toMatch(/[\p{Cc}\u2028]/u);
  expect(text.endsWith('`')).toBe(true);
});

test("the summary of a brake fits into the server's limit with an error type of any length", () => {
  const reason = {
    stream: 's',
    since: 'now',
    deadLetters: 50,
    share: 1,
    errorType: '"'.repeat(900),
  };
  expect(payloadBytes(summary(BRAKE.describe(reason)))).toBeLessThan(400);
});

test('backquotes in an id are removed, so that an id never becomes a link', () => {
  const text = summaryOfStart({ ...place, messageId: '` [pay](http://evil.example) `' });
  expect(text.match(/`/g)).toHaveLength(2);
});
