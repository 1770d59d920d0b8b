import { BlobServiceClient } from '@azure/storage-blob';
import { azuriteConnectionString } from '../../../src/dev-servers/common/local-clouds';
import { classifyError, UsageError } from '../../../src/domain/errors';
import type { Sink } from '../../../src/domain/stream/sink';
import {
  azureBlobSink,
  isAccountUrl,
  isConnectionString,
} from '../../../src/sinks/object-store/azure-blob';
import { azureBlobAnswer } from '../../../src/sinks/object-store/azure-blob-errors';
import { fakeHttp, triedBefore, xmlError, type FakeAnswer } from '../support/fake-http';
import { write } from '../support/write';

let server: Awaited<ReturnType<typeof fakeHttp>>;
let answer: (method: string) => FakeAnswer;

beforeAll(async () => {
  server = await fakeHttp(({ method }) => answer(method!), triedBefore);
});
beforeEach(() => (server.requests.length = 0));
afterAll(() => server.close());

const sink = (requestTimeoutMs = 10_000): Sink =>
  azureBlobSink({
    container: 'container',
    connectionString: azuriteConnectionString(server.url),
    requestTimeoutMs,
  });

async function failureOf(attempt: Promise<unknown>) {
  return attempt.then(
    () => undefined,
    (error: unknown) => classifyError(error),
  );
}

const CREATED = { status: 201, headers: { etag: '"x"' } };

test.each([
  [409, 'BlobAlreadyExists', 'ContentConflict'],
  [412, 'ConditionNotMet', 'ContentConflict'],
  [409, 'ContainerBeingDeleted', 'Transient'],
  [409, 'BlobImmutableDueToPolicy', 'Permanent'],
  [503, 'ServerBusy', 'Throttled'],
  [429, 'TooManyRequests', 'Throttled'],
  [500, 'InternalError', 'Transient'],
  [500, 'OperationTimedOut', 'Transient'],
  [408, 'Whatever', 'Transient'],
  [504, 'Whatever', 'Transient'],
  [400, 'Md5Mismatch', 'Transient'],
  [400, 'InvalidInput', 'Permanent'],
  [400, 'InvalidMetadata', 'Permanent'],
  [413, 'RequestBodyTooLarge', 'Permanent'],
  [400, 'Whatever', 'Permanent'],
])('%i %s is %s', async (status, code, type) => {
  answer = (method) =>
    method === 'HEAD' ? { ...CREATED, status: 200 } : xmlError(status, code, 'No.\nTime:now');
  const failure = await failureOf(write(sink()));
  expect(failure).toMatchObject({ type });
  if (type !== 'ContentConflict') expect(failure!.message).toMatch(`${status} ${code}: No.`);
  expect(failure!.message).not.toContain('\n');
});

test.each([
  [401, 'InvalidAuthenticationInfo', 'Storage Blob Data Contributor'],
  [403, 'AuthenticationFailed', 'Storage Blob Data Contributor'],
  [403, 'AuthorizationFailure', 'Storage Blob Data Contributor'],
  [403, 'Whatever', 'Storage Blob Data Contributor'],
  [404, 'ContainerNotFound', 'create the container'],
  [400, 'OutOfRangeInput', 'create the container'],
  [400, 'InvalidHeaderValue', 'version of the SDK'],
])(
  '%i %s, a fault of the configuration, is transient and says what to correct',
  async (...given) => {
    const [status, code, mend] = given;
    answer = () => xmlError(status, code);
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure!.message).toContain(mend);
    expect(server.requests).toHaveLength(1);
  },
);

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
  answer = () => CREATED;
  const { location } = await write(sink(), { messageId: 'é', workflowId: 'test-é-7' });
  expect(location).toBe(`${server.url}/devstoreaccount1/container/%25C3%25A9.json`);
  expect(server.requests[0]!.headers).toMatchObject({
    'if-none-match': '*',
    'x-ms-blob-content-type': 'application/json',
    'x-ms-meta-cloudsync_sha256': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    'x-ms-meta-cloudsync_record': 'topic/0/7',
    'x-ms-meta-cloudsync_workflow_id': 'test-%C3%A9-7',
  });
  expect(server.requests[0]!.headers).not.toHaveProperty('x-ms-meta-cloudsync_traceparent');
});

test('a shared access signature is used, and not shown in the location', async () => {
  answer = () => CREATED;
  const accountUrl = `${server.url}/account?sv=2024-01-01&sig=the-secret`;
  const { location } = await write(azureBlobSink({ container: 'container', accountUrl }));
  expect(server.requests[0]!.url).toContain('sig=the-secret');
  expect(location).toBe(`${server.url}/account/container/42.json`);
  answer = () => xmlError(403, 'AuthenticationFailed');
  const failure = await failureOf(write(azureBlobSink({ container: 'container', accountUrl })));
  expect(failure!.message).not.toContain('the-secret');
});

test('a given client is used', async () => {
  answer = () => CREATED;
  const client = BlobServiceClient.fromConnectionString(azuriteConnectionString(server.url));
  const one = azureBlobSink({ container: 'container', client });
  await expect(write(one)).resolves.toMatchObject({ outcome: 'written' });
});

test('missing credentials are a transient fault of the configuration', async () => {
  const error = Object.assign(new Error('no login'), { name: 'CredentialUnavailableError' });
  const one = azureBlobSink({
    container: 'container',
    accountUrl: 'https://127.0.0.1:1',
    credential: { getToken: () => Promise.reject(error) },
  });
  const failure = await failureOf(write(one));
  expect(failure).toMatchObject({ type: 'Transient' });
  expect(failure!.message).toContain('no login; check the credentials');
});

test('an error of the token service is no answer about the record, whatever its status is', () => {
  const error = Object.assign(new Error('x'), { name: 'AuthenticationError', statusCode: 400 });
  expect(azureBlobAnswer(error)).toEqual({ code: 'AuthenticationError', message: 'x' });
});

test('azureBlobAnswer returns undefined for a value that is no error', () => {
  expect(azureBlobAnswer('x')).toBeUndefined();
  expect(azureBlobAnswer(null)).toBeUndefined();
});

/** Whether the SDK accepts the text as a connection string. */
function isTaken(text: string): boolean {
  try {
    BlobServiceClient.fromConnectionString(text);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ['UseDevelopmentStorage=true', true],
  ['DefaultEndpointsProtocol=https;AccountName=a;AccountKey=eA==;EndpointSuffix=core.net', true],
  [azuriteConnectionString('http://127.0.0.1:10000'), true],
  ['BlobEndpoint=https://a;SharedAccessSignature=sv=1&sig=2', true],
  ['DefaultEndpointsProtocol=https;AccountName=a;AccountKey=eA==', false],
  ['DefaultEndpointsProtocol=ftp;AccountName=a;AccountKey=eA==;EndpointSuffix=x', false],
  ['AccountName=a;AccountKey=eA==;EndpointSuffix=core.net', false],
  ['AccountName=a;SharedAccessSignature=sv=1&sig=2', false],
  ['BlobEndpoint=a;SharedAccessSignature=sv=1&sig=2', false],
  ['AccountName=a', false],
  ['rubbish', false],
  ['', false],
])('isConnectionString agrees with the SDK on %s (%s)', (text, is) => {
  expect(isConnectionString(text)).toBe(is);
  expect(isTaken(text)).toBe(is);
});

test.each([
  ['https://account.blob.core.windows.net', true],
  ['https://account.blob.core.windows.net/?sv=1&sig=2', true],
  ['http://127.0.0.1:10000/account?sv=1&sig=2', true],
  ['http://127.0.0.1:10000/account', false],
  ['account.blob.core.windows.net', false],
  ['ftp://account', false],
])('isAccountUrl of %s is %s', (text, is) => expect(isAccountUrl(text)).toBe(is));

test('wrong options are usage errors that do not show their values', () => {
  const connectionString = 'not one';
  expect(() => azureBlobSink({ container: '', connectionString })).toThrow(UsageError);
  expect(() => azureBlobSink({ container: 'c' })).toThrow(/connectionString, accountUrl or client/);
  expect(() => azureBlobSink({ container: 'c', connectionString })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('not one') as string }) as Error,
  );
  expect(() => azureBlobSink({ container: 'c', accountUrl: 'http://x' })).toThrow(/https/);
});
