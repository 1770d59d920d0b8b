import { UsageError } from '../../../src/domain/errors';
import { httpSink, type HttpSinkOptions } from '../../../src/sinks/http/http';

const url = 'https://example.com/hook';
const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

function messageOf(options: object): string {
  try {
    httpSink(options as HttpSinkOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('the options were taken');
}

test.each([
  { url },
  { url: 'http://127.0.0.1:8080/' },
  { url: new URL(url) },
  { url: () => url },
  { url, method: 'PUT' as const, contentType: 'application/cloudevents+json', timeoutMs: 1 },
  { url, headers: { Authorization: 'Bearer t', 'x-tenant': 'ä' }, secret: SECRET },
  { url, secret: [SECRET, SECRET], statuses: { 409: 'duplicate' as const } },
  { url, idempotencyKey: () => 'key' },
])('httpSink accepts %j', (options) => {
  expect(() => httpSink(options)).not.toThrow();
});

test.each([
  [{}, /url/],
  [{ url: 'example.com' }, /must be a URL.*\n.*url/],
  [{ url: 'ftp://example.com' }, /must begin with http:\/\/ or https:\/\/.*\n.*url/],
  [{ url: 'file:///etc/passwd' }, /must begin with http/],
  [{ url: 'https://user:hunter2@example.com' }, /must hold no user and password/],
  [{ url, method: 'GET' }, /method/],
  [{ url, timeoutMs: 0 }, /timeoutMs/],
  [{ url, contentType: 'text/plain\r\nx: y' }, /contentType/],
  [{ url, headers: { 'x y': '1' } }, /headers/],
  [
    { url, headers: { x: 'hunter2\r\ny: z' } },
    /must be the value of an HTTP header.*\n.*headers\.x/,
  ],
  [{ url, headers: { x: 'hunter2 €' } }, /headers\.x/],
  [{ url, headers: { 'Idempotency-Key': '1' } }, /is set by the sink itself/],
  [{ url, headers: { Connection: 'close' } }, /is set by the sink itself/],
  [{ url, secret: 'hunter2' }, /whsec_.*\n.*secret/],
  [{ url, secret: [SECRET, 'hunter2'] }, /whsec_/],
  [{ url, secret: [] }, /secret/],
  [{ url, statuses: { 42: 'written' } }, /statuses/],
  [{ url, statuses: { 409: 'fine' } }, /statuses/],
  [{ url, retries: 3 }, /retries/],
])('httpSink refuses %j and names the option', (options, expected) => {
  expect(messageOf(options)).toMatch(expected);
});

test('no error contains a value that may be a secret', () => {
  const message = messageOf({
    url: 'https://user:hunter2@example.com/hunter2',
    headers: { authorization: 'hunter2\n', 'x-hunter2': 'a' },
    secret: ['hunter2'],
    timeoutMs: 'hunter2',
  });
  expect(message).toContain('headers.authorization');
  expect(message).not.toContain('hunter2');
});
