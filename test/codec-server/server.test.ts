import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import type { FastifyInstance } from 'fastify';
import { newToken } from '../../src/http/tokens';
import { encryptionCodec } from '../../src/temporal/encryption/encryption-codec';
import { payloadsToJson } from '../../src/codec-server/payloads-json';
import { createCodecServer, type CodecServerOptions } from '../../src/codec-server/server';
import { loadSettings } from '../../src/settings/config';
import { startCodecServer } from '../../src/processes/create-codec-server';
import { createLogger } from '../../src/telemetry/logger';

const UI = 'http://127.0.0.1:8233';
const codec = encryptionCodec([{ id: 'k1', key: randomBytes(32) }]);
const plain = payloadsToJson([
  defaultPayloadConverter.toPayload({ card: '4111' }),
  defaultPayloadConverter.toPayload(undefined),
]);
const token = newToken();

let app: FastifyInstance;
async function start(given: Partial<CodecServerOptions> = {}): Promise<void> {
  app = await createCodecServer({
    codec,
    origins: [UI],
    tokens: [],
    logger: createLogger('silent'),
    faults: () => ({}),
    ...given,
  });
}
beforeEach(() => start());
afterEach(() => app.close());

const post = (url: string, payload: string | object, headers: Record<string, string> = {}) =>
  app.inject({
    ...{ method: 'POST', url, payload },
    headers: { host: 'localhost:8089', 'content-type': 'application/json', ...headers },
  });
type Json = ReturnType<typeof payloadsToJson>;

test.each(['', '/my-namespace', '/a/b'])('%s/decode undoes %s/encode', async (path) => {
  const encoded = await post(`${path}/encode`, plain);
  expect(encoded.statusCode).toBe(200);
  const json = encoded.json<Json>();
  const encoding = Buffer.from(json.payloads[0]!.metadata.encoding!, 'base64').toString();
  expect(encoding).toBe('binary/encrypted');
  const decoded = await post(`${path}/decode?x=1`, json, { 'x-namespace': 'any' });
  expect(decoded.json()).toEqual(plain);
  expect(decoded.headers['cache-control']).toBe('no-store');
});

test('/decode returns payloads that are not encrypted as they are, and an empty list for none', async () => {
  expect((await post('/decode', plain)).json()).toEqual(plain);
  expect((await post('/decode', {})).json()).toEqual({ payloads: [] });
  expect((await post('/decode', { payloads: [{}] })).json()).toEqual({
    payloads: [{ metadata: {}, data: '' }],
  });
});

test('/decode accepts base64 without padding and in the URL alphabet', async () => {
  const data = Buffer.from([251, 255, 254, 1]).toString('base64url');
  const answer = await post('/decode', { payloads: [{ metadata: { encoding: 'eA' }, data }] });
  expect(answer.json()).toEqual({
    payloads: [{ metadata: { encoding: 'eA==' }, data: '+//+AQ==' }],
  });
});

test.each([
  ['{', 400],
  ['[]', 400],
  ['null', 400],
  ['{"payloads":{}}', 400],
  ['{"payloads":[1]}', 400],
  ['{"payloads":[{"data":"ä"}]}', 400],
  ['{"payloads":[{"data":7}]}', 400],
  ['{"payloads":[{"metadata":{"__proto__":"eA=="}}]}', 400],
  ['', 400],
])('/decode answers the body %s with %i', async (body, status) => {
  const answer = await post('/decode', body);
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
});

test('/decode answers 422 and names the key if the key of a payload is missing', async () => {
  const other = encryptionCodec([{ id: 'k9', key: randomBytes(32) }]);
  const body = payloadsToJson(await other.encode([{ metadata: {}, data: Buffer.from('x') }]));
  const answer = await post('/decode', body);
  expect(answer.statusCode).toBe(422);
  expect(answer.json<{ detail: string }>().detail).toContain('"k9"');
});

test('the codec server refuses other paths, methods and content types', async () => {
  expect((await post('/download', plain)).statusCode).toBe(404);
  expect((await post('/decode/', plain)).statusCode).toBe(404);
  const get = await app.inject({ url: '/decode', headers: { host: 'localhost' } });
  expect(get.statusCode).toBe(404);
  expect((await post('/decode', 'x', { 'content-type': 'text/plain' })).statusCode).toBe(415);
  const large = JSON.stringify({ payloads: [{ data: 'A'.repeat(17 * 1024 * 1024) }] });
  expect((await post('/decode', large)).statusCode).toBe(413);
});

test("the codec server answers the UI's preflight, and lets its page read the answer", async () => {
  const preflight = await app.inject({
    ...{ method: 'OPTIONS', url: '/decode' },
    headers: {
      origin: UI,
      'access-control-request-method': 'POST',
      'access-control-request-headers':
        'authorization,authorization-extras,content-type,x-namespace',
    },
  });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers).toMatchObject({
    'access-control-allow-origin': UI,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers':
      'authorization, authorization-extras, content-type, x-namespace',
  });
  const answer = await post('/decode', plain, { origin: UI });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers).toMatchObject({
    'access-control-allow-origin': UI,
    vary: expect.stringMatching(/origin/i) as string,
  });
});

test.each(['http://evil.example', 'http://127.0.0.1:8234', 'null', `${UI}.evil.example`])(
  'the codec server refuses a page of %s',
  async (origin) => {
    const answer = await post('/decode', plain, { origin });
    expect(answer.statusCode).toBe(403);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  },
);

test('the codec server without tokens refuses a Host header that does not name this machine', async () => {
  expect((await post('/decode', plain, { host: 'evil.example:8089' })).statusCode).toBe(403);
});

test('the codec server with tokens refuses a request without one, and the UI can read the refusal', async () => {
  await app.close();
  await start({ tokens: [token] });
  const refused = await post('/decode', plain, { origin: UI });
  expect(refused.statusCode).toBe(401);
  expect(refused.headers['access-control-allow-origin']).toBe(UI);
  const headers = { host: 'codec.example', authorization: `Bearer ${token.token}` };
  expect((await post('/decode', plain, headers)).statusCode).toBe(200);
  expect((await app.inject('/readyz')).statusCode).toBe(200);
});

test('health is answered without a token', async () => {
  await app.close();
  await start({ faults: () => ({ process: 'stopping' }) });
  expect((await app.inject('/livez')).statusCode).toBe(200);
  expect((await app.inject('/readyz')).statusCode).toBe(503);
});

describe('startCodecServer', () => {
  const logger = createLogger('silent');
  const settingsOf = (env: Record<string, string>) =>
    loadSettings({ CLOUDSYNC_CODEC_PORT: '0', ...env }).codec;

  test('listens, and stops', async () => {
    const service = await startCodecServer({ settings: settingsOf({}), codec, logger });
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
    await service.stop();
    await service.ended;
    await expect(fetch(`${service.url}/livez`)).rejects.toThrow();
  });

  test('refuses to listen on all interfaces without a token', async () => {
    const settings = settingsOf({ CLOUDSYNC_CODEC_HOST: '0.0.0.0' });
    await expect(startCodecServer({ settings, codec, logger })).rejects.toThrow(
      'CLOUDSYNC_CODEC_HOST: 0.0.0.0 is open to others, so CLOUDSYNC_CODEC_TOKENS is needed',
    );
  });

  test('names the setting when its port is taken', async () => {
    const first = await startCodecServer({ settings: settingsOf({}), codec, logger });
    const settings = settingsOf({ CLOUDSYNC_CODEC_PORT: new URL(first.url).port });
    await expect(startCodecServer({ settings, codec, logger })).rejects.toThrow(
      /set CLOUDSYNC_CODEC_PORT/,
    );
    await first.stop();
  });

  test.each(['*', 'localhost:8233', 'http://a.example/', 'ftp://a.example', 'http://a,*'])(
    'refuses CLOUDSYNC_CODEC_ORIGINS=%s',
    (origins) => {
      expect(() => settingsOf({ CLOUDSYNC_CODEC_ORIGINS: origins })).toThrow(
        /CLOUDSYNC_CODEC_ORIGINS\S*: must be origins/,
      );
    },
  );
});
