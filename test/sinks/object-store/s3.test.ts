import { S3Client } from '@aws-sdk/client-s3';
import { classifyError, UsageError } from '../../../src/domain/errors';
import type { Sink } from '../../../src/domain/stream/sink';
import { s3Sink, type S3SinkOptions } from '../../../src/sinks/object-store/s3';
import { s3Answer } from '../../../src/sinks/object-store/s3-errors';
import { fakeHttp, triedBefore, xmlError, type FakeAnswer } from '../support/fake-http';
import { write } from '../support/write';

let server: Awaited<ReturnType<typeof fakeHttp>>;
let answer: (method: string) => FakeAnswer;
const opened: Sink[] = [];

beforeAll(async () => {
  server = await fakeHttp(({ method }) => answer(method!), triedBefore);
});
beforeEach(() => (server.requests.length = 0));
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close!();
});
afterAll(() => server.close());

const config = () => ({
  endpoint: server.url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'a', secretAccessKey: 'the secret' },
});

function sink(options: Partial<S3SinkOptions> = {}): Sink {
  const one = s3Sink({
    ...{ bucket: 'bucket', forcePathStyle: true, clientConfig: config() },
    ...options,
  });
  opened.push(one);
  return one;
}

async function failureOf(attempt: Promise<unknown>) {
  return attempt.then(
    () => undefined,
    (error: unknown) => classifyError(error),
  );
}

test.each([
  [412, 'PreconditionFailed', 'ContentConflict'],
  [409, 'ConditionalRequestConflict', 'Transient'],
  [409, 'OperationAborted', 'Transient'],
  [409, 'ObjectParentIsFile', 'Permanent'],
  [503, 'SlowDown', 'Throttled'],
  [503, 'ServiceUnavailable', 'Transient'],
  [429, 'TooManyRequestsException', 'Throttled'],
  [500, 'InternalError', 'Transient'],
  [501, 'NotImplemented', 'Transient'],
  [400, 'RequestTimeout', 'Transient'],
  [400, 'ExpiredToken', 'Transient'],
  [403, 'RequestTimeTooSkewed', 'Transient'],
  [400, 'BadDigest', 'Transient'],
  [408, 'Whatever', 'Transient'],
  [400, 'KeyTooLongError', 'Permanent'],
  [400, 'EntityTooLarge', 'Permanent'],
  [400, 'MetadataTooLarge', 'Permanent'],
  [400, 'InvalidArgument', 'Permanent'],
  [413, 'Whatever', 'Permanent'],
  // A property that every object inherits.
  [400, 'constructor', 'Permanent'],
])('%i %s is %s', async (status, code, type) => {
  answer = (method) =>
    method === 'HEAD' ? { status: 200, headers: { etag: '"x"' } } : xmlError(status, code);
  const failure = await failureOf(write(sink()));
  expect(failure).toMatchObject({ type });
  if (type !== 'ContentConflict') expect(failure!.message).toContain(`${status} ${code}: No.`);
});

test.each([
  [403, 'AccessDenied', 's3:PutObject'],
  [401, 'Whatever', 's3:PutObject'],
  [403, 'InvalidAccessKeyId', 'credentials'],
  [403, 'SignatureDoesNotMatch', 'credentials'],
  [400, 'InvalidToken', 'credentials'],
  [404, 'NoSuchBucket', 'create the bucket'],
  [301, 'PermanentRedirect', 'AWS_REGION'],
  [400, 'AuthorizationHeaderMalformed', 'AWS_REGION'],
  [400, 'KMS.DisabledException', 'encryption key'],
  [407, 'Whatever', 'proxy'],
])(
  '%i %s, a fault of the configuration, is transient and says what to correct',
  async (...given) => {
    const [status, code, mend] = given;
    answer = () => xmlError(status, code);
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure!.message).toContain(mend);
    expect(failure!.message).toMatch(/^PUT s3:\/\/bucket\/42\.json: /);
    expect(failure!.message).not.toContain('the secret');
  },
);

test('a write sends one request, even if the client of the SDK is set to retry', async () => {
  answer = () => xmlError(500, 'InternalError');
  await failureOf(write(sink({ clientConfig: { ...config(), maxAttempts: 5 } })));
  expect(server.requests).toHaveLength(1);
});

test.each([
  ["a proxy's page", 400, '<html><h1>The plain HTTP request was sent to HTTPS port</h1></html>'],
  ['nothing', 400, ''],
  ['nothing', 409, ''],
])('an answer with %s, the status %i and no error code is transient', async (...given) => {
  const [, status, body] = given;
  answer = () => ({ status, headers: { 'content-type': 'text/html' }, body });
  expect(await failureOf(write(sink()))).toMatchObject({
    type: 'Transient',
    message: expect.stringContaining('no code of the store') as string,
  });
});

test('a 400 without a body to HEAD is transient, as an expired login gives it', async () => {
  answer = (method) => (method === 'HEAD' ? { status: 400 } : xmlError(412, 'PreconditionFailed'));
  expect(await failureOf(write(sink()))).toMatchObject({ type: 'Transient' });
});

test('a 413 without a body is permanent, as the record is too large for a proxy', async () => {
  answer = () => ({ status: 413 });
  expect(await failureOf(write(sink()))).toMatchObject({ type: 'Permanent' });
});

test('a write is conditional, and its metadata name the record', async () => {
  answer = () => ({ status: 200, headers: { etag: '"x"' } });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await expect(
    write(sink({ prefix: 'deep/er', extension: 'bin', contentType: 'application/octet-stream' }), {
      messageId: 'é/1',
      workflowId: 'test-é/1-7 ',
      headers: [['traceparent', Buffer.from(traceparent)]],
    }),
  ).resolves.toEqual({ outcome: 'written', location: 's3://bucket/deep/er/%C3%A9%2F1.bin' });
  const [{ method, url, headers }] = server.requests as [(typeof server.requests)[0]];
  expect(`${method} ${url}`).toBe('PUT /bucket/deep/er/%25C3%25A9%252F1.bin?x-id=PutObject');
  expect(headers).toMatchObject({
    'if-none-match': '*',
    'content-type': 'application/octet-stream',
    'x-amz-meta-cloudsync_sha256': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    'x-amz-meta-cloudsync_record': 'topic/0/7',
    'x-amz-meta-cloudsync_workflow_id': 'test-%C3%A9%2F1-7%20',
    'x-amz-meta-cloudsync_traceparent': traceparent,
  });
});

test('a given client is used and stays open', async () => {
  answer = () => ({ status: 200, headers: { etag: '"x"' } });
  const client = new S3Client({ ...config(), forcePathStyle: true });
  const one = s3Sink({ bucket: 'bucket', client });
  await write(one);
  await one.close!();
  await expect(write(one)).resolves.toMatchObject({ outcome: 'written' });
  client.destroy();
});

test('missing credentials are a transient fault of the configuration, and the wait for them is limited', async () => {
  const failing = { ...config(), credentials: () => Promise.reject(new Error('no such profile')) };
  expect(await failureOf(write(sink({ clientConfig: failing })))).toMatchObject({
    type: 'Transient',
    message: expect.stringContaining('no such profile') as string,
  });
  const silent = { ...config(), credentials: () => new Promise<never>(() => undefined) };
  expect(
    await failureOf(write(sink({ clientConfig: silent, requestTimeoutMs: 20 }))),
  ).toMatchObject({ type: 'Transient', message: expect.stringContaining('20 ms') as string });
});

test.each([
  [Object.assign(new Error('x'), { name: 'CredentialsProviderError' }), 'CredentialsProviderError'],
  [new Error('Region is missing'), 'RegionMissing'],
  [Object.assign(new Error('x'), { code: 'EPIPE' }), 'EPIPE'],
  [new Error('x'), undefined],
])('s3Answer gives an error without an answer its code: %#', (error, code) => {
  expect(s3Answer(error)).toEqual(expect.objectContaining({ message: error.message, code }));
});

test('s3Answer returns undefined for a value that is no error', () => {
  expect(s3Answer('x')).toBeUndefined();
  expect(s3Answer(null)).toBeUndefined();
});

test('wrong options are usage errors', () => {
  expect(() => s3Sink({ bucket: '' })).toThrow(UsageError);
  expect(() => s3Sink({ bucket: 'b', prefix: '/x' })).toThrow(UsageError);
  expect(() => s3Sink({ bucket: 'b', extension: 'a/b' })).toThrow(UsageError);
});

test('close succeeds on a sink that was never opened', async () => {
  await expect(s3Sink({ bucket: 'b' }).close!()).resolves.toBeUndefined();
});
