import fc from 'fast-check';
import { messageSchema } from '../../../src/domain/record/message';

const takes = (payload: unknown) =>
  messageSchema.safeParse({ id: '1', type: 't', occurredAt: '2026-01-01T00:00:00Z', payload })
    .success;

test('any JSON value is a valid payload', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => takes(value)));
});

test.each([
  ['undefined', undefined],
  ['NaN', [1, Number.NaN]],
  ['a hole', { a: [{ b: undefined }, 1] }],
  ['a function', { a: () => 1 }],
  ['a date', [new Date(0)]],
  ['a big integer', { a: [1n] }],
])('a payload with %s is invalid', (_, value) => expect(takes(value)).toBe(false));

test('a message without a payload is told so', () => {
  const { error } = messageSchema.safeParse({
    id: '1',
    type: 't',
    occurredAt: '2026-01-01T00:00:00Z',
  });
  expect(error!.issues).toMatchObject([
    { path: ['payload'], message: 'Invalid input: expected JSON, received undefined' },
  ]);
});

test('a payload may have 1,000 levels and no more, however deep the call stack is', () => {
  const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
  const deeper = (frames: number): boolean[] =>
    frames === 0 ? [takes(nested(1_000)), takes(nested(1_001))] : deeper(frames - 1);
  expect(deeper(0)).toEqual([true, false]);
  expect(deeper(1_000)).toEqual([true, false]);
});
