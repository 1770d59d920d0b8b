import { UsageError } from '../../../src/domain/errors';
import { parseSince } from '../../../src/operations/runs/failed-since';

const now = new Date('2026-05-04T03:02:01.500Z');
const parsed = (text: string) => parseSince(text, now).toISOString();

test.each([
  ['0s', '2026-05-04T03:02:01.500Z'],
  ['90s', '2026-05-04T03:00:31.500Z'],
  ['15m', '2026-05-04T02:47:01.500Z'],
  ['2h', '2026-05-04T01:02:01.500Z'],
  ['7d', '2026-04-27T03:02:01.500Z'],
])('parseSince reads %s as a duration before now', (text, expected) => {
  expect(parsed(text)).toBe(expected);
});

test.each([
  ['2026-01-02', '2026-01-02T00:00:00.000Z'],
  ['2026-01-02T03:04', '2026-01-02T03:04:00.000Z'],
  ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'],
  ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
])('parseSince reads %s as a point in time, in UTC unless it has a time zone', (text, expected) => {
  expect(parsed(text)).toBe(expected);
});

test.each(['', '7', 'd', '7w', '-7d', '1.5h', 'yesterday', '2026-13-01', '2026-01-02T25:00Z', '1'])(
  'parseSince refuses %j',
  (text) => {
    expect(() => parseSince(text, now)).toThrow(UsageError);
  },
);

test('parseSince raises a time before 1970 to 1970, and refuses a year that no query can hold', () => {
  expect(parsed('999999d')).toBe('1970-01-01T00:00:00.000Z');
  expect(parsed('0001-01-01')).toBe('1970-01-01T00:00:00.000Z');
  expect(() => parseSince('9999-12-31T23:59-14:00', now)).toThrow(UsageError);
});

test('parseSince refuses a duration beyond the range of dates', () => {
  expect(() => parseSince('999999999d', now)).toThrow(UsageError);
});
