import { grpcStatus, GrpcStatus, quote } from '../../src/temporal/temporal';
import { serviceError } from '../bridge/support/fakes';

describe('grpcStatus', () => {
  test("is found in the cause of a client's error", () => {
    expect(grpcStatus(serviceError(8))).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
  });

  test('is found in the error of a raw call', () => {
    expect(grpcStatus(Object.assign(new Error('no'), { code: 14 }))).toBe(GrpcStatus.UNAVAILABLE);
  });

  test.each([
    new Error('no'),
    Object.assign(new Error('no'), { code: 'ECONNRESET' }),
    'no',
    undefined,
    null,
  ])('is undefined for %p', (error) => expect(grpcStatus(error)).toBeUndefined());
});

test("quote makes a query's literal of any value", () => {
  expect(quote('aws-42-7')).toBe('"aws-42-7"');
  expect(quote('a" OR "b\\')).toBe('"a\\" OR \\"b\\\\"');
});
