import { resolveIdempotencySettings } from '../../src/dedupe/idempotency-settings';

test('resolveIdempotencySettings fills in the defaults', () => {
  expect(resolveIdempotencySettings({})).toEqual({
    retentionMs: 3_600_000,
    maxEntries: 100_000,
    cleanupIntervalMs: 300_000,
    lockTimeoutMs: 30_000,
    statistics: true,
    detailedLogging: false,
  });
});

test('a given setting replaces only its own default', () => {
  const defaults = resolveIdempotencySettings({});
  expect(resolveIdempotencySettings({ maxEntries: 7, statistics: false })).toEqual({
    ...defaults,
    maxEntries: 7,
    statistics: false,
  });
});

const numbers = ['retentionMs', 'maxEntries', 'cleanupIntervalMs', 'lockTimeoutMs'] as const;
const wrong = [0, -1, 1.5, NaN, Infinity, undefined, '60'];

test.each(numbers.flatMap((name) => wrong.map((value) => [name, value] as const)))(
  '%s: %p is a RangeError that names the setting',
  (name, value) => {
    const resolve = () => resolveIdempotencySettings({ [name]: value });
    expect(resolve).toThrow(RangeError);
    expect(resolve).toThrow(`${name} must be a whole number from 1 to `);
    expect(resolve).toThrow(`got ${String(value)}`);
  },
);

test.each([
  ['maxEntries', 2 ** 23 - 1],
  ['cleanupIntervalMs', 2 ** 31 - 1],
  ['lockTimeoutMs', 2 ** 31 - 1],
] as const)('%s may be at most %d', (name, largest) => {
  expect(resolveIdempotencySettings({ [name]: largest })[name]).toBe(largest);
  expect(() => resolveIdempotencySettings({ [name]: largest + 1 })).toThrow(RangeError);
});
