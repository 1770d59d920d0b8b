import { changedNumber } from '../../src/lib/changed-number';

test.each([
  '9007199254740993',
  '18446744073709551615',
  '-9223372036854775808',
  '1e400',
  '1e-400',
  '0.1000000000000000055511151231257827',
])('changedNumber finds %s, which JavaScript reads as another number', (text) => {
  expect(changedNumber(`{"9007199254740993":["9007199254740993\\"",1.5,${text},2e400]}`)).toBe(
    text,
  );
});

test.each([
  '0',
  '-0',
  '-0.0',
  '1.10',
  '100.000',
  '1.0e2',
  '1E+21',
  '1e-7',
  '9007199254740992',
  '0.001',
])('changedNumber passes %s, which JavaScript only writes in another way', (text) => {
  expect(changedNumber(`{"a":${text}}`)).toBeUndefined();
});

test('changedNumber cuts a number of many digits', () => {
  expect(changedNumber('1'.repeat(100))).toBe(`${'1'.repeat(40)}…`);
});
