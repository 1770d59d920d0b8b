import {
  classifyError,
  DeliveryError,
  errorMessage,
  errorWithCause,
  isRetryable,
} from '../../src/domain/errors';

describe('classifyError', () => {
  test('keeps the class of a DeliveryError, with its pause', () => {
    const error = new DeliveryError('Throttled', 'slow down', { retryAfterMs: 500 });
    expect(classifyError(error, () => ({ type: 'Permanent', message: 'other' }))).toEqual({
      type: 'Throttled',
      message: 'slow down',
      retryAfterMs: 500,
    });
  });

  test("asks the sink's classifier about all other errors", () => {
    const classifier = (error: unknown) =>
      (error as Error).message === '404'
        ? ({ type: 'Permanent', message: 'gone' } as const)
        : undefined;
    expect(classifyError(new Error('404'), classifier)).toEqual({
      type: 'Permanent',
      message: 'gone',
    });
    expect(classifyError(new Error('500'), classifier)).toEqual({
      type: 'Transient',
      message: '500',
    });
  });

  test('classifies an unknown error as transient', () => {
    expect(classifyError('odd')).toEqual({ type: 'Transient', message: 'odd' });
  });

  test('keeps the original error when the classifier throws', () => {
    const classifier = (error: unknown) => {
      (error as { code: string }).code.startsWith('E');
      return undefined;
    };
    expect(classifyError(new Error('down'), classifier)).toEqual({
      type: 'Transient',
      message: 'down',
    });
  });
});

test.each([
  ['Transient', true],
  ['Throttled', true],
  ['Permanent', false],
  ['ContentConflict', false],
] as const)('isRetryable of %s is %s', (type, retryable) => {
  expect(isRetryable(type)).toBe(retryable);
});

describe('errorMessage', () => {
  test.each([
    [new Error('down'), 'down'],
    [{ message: '', code: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [new AggregateError([]), 'AggregateError'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), 'an error without a readable message'],
  ])('of %p', (error, message) => {
    expect(errorMessage(error)).toBe(message);
  });
});

test('a DeliveryError keeps its cause', () => {
  const cause = new Error('socket hang up');
  expect(new DeliveryError('Transient', 'down', { cause }).cause).toBe(cause);
  expect('cause' in new DeliveryError('Transient', 'down')).toBe(false);
});

describe('errorWithCause', () => {
  const several = (message: string, ...reasons: string[]) =>
    new AggregateError(
      reasons.map((reason) => new Error(reason)),
      message,
    );
  const throwing = (property: string) =>
    Object.defineProperty(new Error('no'), property, {
      get: () => {
        throw new Error('unreadable');
      },
    });
  test.each([
    [new Error('no', { cause: new Error('why') }), 'no: why'],
    [new Error('no, why', { cause: new Error('why') }), 'no, why'],
    [several('no', 'why', 'where', 'why'), 'no: why; where'],
    [several('', 'refused'), 'AggregateError: refused'],
    [several('no'), 'no'],
    [new Error('no', { cause: several('some', 'why') }), 'no: some: why'],
    [several('no', ...Array.from({ length: 9 }, (_, i) => `why ${i}`)), /^no: why 0;.*; why 4$/],
    [{ message: 'no', errors: 'none' }, 'no'],
    [throwing('cause'), 'no'],
    [throwing('errors'), 'no'],
    [new Error('no', { cause: throwing('errors') }), 'no'],
  ])('of %p', (error, text) => {
    expect(errorWithCause(error)).toMatch(text instanceof RegExp ? text : new RegExp(`^${text}$`));
  });
});
