import { DeliveryError } from '../../../src/domain/errors';
import { resultOf, type HttpStatusMeaning } from '../../../src/sinks/http/http-answer';

function meaningOf(
  status: number,
  headers: Record<string, string> = {},
  meanings?: Record<number, HttpStatusMeaning>,
): { type: HttpStatusMeaning; message?: string; retryAfterMs?: number | undefined } {
  try {
    const answer = { status, headers };
    return { type: resultOf('POST to https://example.com', answer, meanings).outcome };
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    return error;
  }
}

const transient = (status: number): [number, HttpStatusMeaning] => [status, 'Transient'];

test.each<[number, HttpStatusMeaning]>([
  [200, 'written'],
  [201, 'written'],
  [202, 'written'],
  [204, 'written'],
  ...[300, 301, 302, 303, 304, 307, 308].map(transient),
  [400, 'Permanent'],
  ...[401, 403, 404, 405, 407, 408, 409, 410, 425].map(transient),
  [406, 'Permanent'],
  [413, 'Permanent'],
  [415, 'Permanent'],
  [418, 'Permanent'],
  [422, 'ContentConflict'],
  [429, 'Throttled'],
  [431, 'Permanent'],
  [451, 'Permanent'],
  ...[500, 501, 502, 503, 504, 507, 511, 599].map(transient),
])('the status %d means %s', (status, type) => {
  expect(meaningOf(status).type).toBe(type);
});

test.each([
  [429, 'Throttled'],
  [503, 'Throttled'],
  [500, 'Transient'],
  [409, 'Transient'],
  [404, 'Transient'],
])('the status %d with Retry-After is %s, with the pause', (status, type) => {
  expect(meaningOf(status, { 'retry-after': '7' })).toMatchObject({ type, retryAfterMs: 7_000 });
  const date = new Date(Date.now() + 90_000).toUTCString();
  const { retryAfterMs } = meaningOf(status, { 'retry-after': date });
  expect(retryAfterMs).toBeGreaterThan(60_000);
  expect(retryAfterMs).toBeLessThanOrEqual(90_000);
});

test.each(['', 'soon', '-1', 'Sat, 01 Jan 2000 00:00:00 GMT'])(
  'a Retry-After of %j gives no pause',
  (value) => expect(meaningOf(429, { 'retry-after': value }).retryAfterMs).toBeUndefined(),
);

test('a permanent failure has no pause', () => {
  expect(meaningOf(400, { 'retry-after': '7' }).retryAfterMs).toBeUndefined();
});

test('an answer that the receiver replays from an earlier request is a duplicate', () => {
  expect(meaningOf(200, { 'idempotent-replayed': 'true' }).type).toBe('duplicate');
  expect(meaningOf(200, { 'idempotent-replayed': 'false' }).type).toBe('written');
});

test('the option statuses overrides the meaning of a status', () => {
  const meanings = { 409: 'duplicate', 404: 'Permanent', 200: 'Transient' } as const;
  expect(meaningOf(409, {}, meanings).type).toBe('duplicate');
  expect(meaningOf(404, {}, meanings).type).toBe('Permanent');
  expect(meaningOf(200, {}, meanings).type).toBe('Transient');
  expect(meaningOf(403, {}, meanings).type).toBe('Transient');
});

test.each([
  [301, 'redirects are not followed'],
  [401, 'credentials'],
  [403, 'rights'],
  [404, 'path'],
  [405, 'method'],
  [422, 'Idempotency-Key'],
])('the message of the status %d says what to check', (status, part) => {
  const { message } = meaningOf(status);
  expect(message).toMatch(`POST to https://example.com was answered with ${status}: `);
  expect(message).toContain(part);
});
