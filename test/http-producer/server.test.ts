import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { createCheck } from '../../src/http-producer/check';
import { createApiServer, type ApiServerOptions } from '../../src/http-producer/server';
import { newToken } from '../../src/http/tokens';
import {
  QueueFullError,
  type Acknowledgement,
  type OutgoingRecord,
} from '../../src/kafka/producer/batching-producer';
import { messageSchema } from '../../src/domain/record/message';
import { createLogger } from '../../src/telemetry/logger';
import { createMetrics } from '../../src/telemetry/metrics';
import { testStream } from '../domain/support/records';

const PATH = '/v1/messages';
const NDJSON = 'application/x-ndjson';
const PROBLEM = expect.stringContaining('application/problem+json') as string;
const token = newToken();

let app: FastifyInstance;
let sent: OutgoingRecord[];
let send: (records: OutgoingRecord[]) => Promise<Acknowledgement>;
let full: boolean;
let faults: Record<string, string>;
let stopping: boolean;
const metrics = createMetrics();

async function start(given: Partial<ApiServerOptions> = {}): Promise<void> {
  const streams = [testStream({ schema: messageSchema })];
  app = await createApiServer({
    check: createCheck(streams, () => 1_000_000),
    producer: {
      get full() {
        return full;
      },
      send: (records) => send(records),
    },
    limits: { maxBodyBytes: 10_000, maxRecords: 5, queueBytes: 100_000 },
    metrics,
    topic: 'orders',
    streams,
    tokens: [],
    requestTimeoutMs: 1_000,
    logger: createLogger('silent'),
    faults: () => faults,
    stopping: () => stopping,
    ...given,
  });
}

beforeEach(async () => {
  [sent, full, faults, stopping] = [[], false, {}, false];
  send = (records) => {
    sent.push(...records);
    return Promise.resolve({ missing: [] });
  };
  metrics.registry.resetMetrics();
  await start();
});
afterEach(() => app.close());

const line = (id: string) =>
  JSON.stringify({ id, type: 't', occurredAt: '2026-01-01T00:00:00Z', payload: null });
const post = (payload: string | Buffer, type: string = NDJSON, headers: object = {}) =>
  app.inject({
    method: 'POST',
    url: PATH,
    payload,
    headers: { host: 'localhost', 'content-type': type, ...headers },
  });
const get = (url: string, options: InjectOptions = {}) => app.inject({ url, ...options });

describe('messages', () => {
  test('202: all messages are accepted', async () => {
    const response = await post(`${line('a')}\n${line('b')}\n`);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ accepted: 2, rejected: [] });
    expect(sent.map(({ key, value }) => [String(key), String(value)])).toEqual([
      ['a', line('a')],
      ['b', line('b')],
    ]);
  });

  test('207: some messages are refused, each with its position', async () => {
    const response = await post(`nope\n${line('a')}\n\n{}`);
    expect(response.statusCode).toBe(207);
    expect(response.json()).toMatchObject({
      accepted: 1,
      rejected: [
        { index: 0, code: 'InvalidJson' },
        { index: 2, code: 'SchemaMismatch', detail: expect.stringContaining('id') as string },
      ],
    });
  });

  test('400: no message is valid, with an error for each', async () => {
    const response = await post('nope\n{}');
    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toEqual(PROBLEM);
    expect(response.json()).toMatchObject({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      errors: [{ index: 0 }, { index: 1 }],
    });
    expect(sent).toEqual([]);
  });

  test('207: some messages are not acknowledged, each with its position', async () => {
    send = () => Promise.resolve({ missing: [1], reason: 'broker away' });
    const response = await post(`${line('a')}\nnope\n${line('b')}`);
    expect(response.statusCode).toBe(207);
    expect(response.json()).toMatchObject({
      accepted: 1,
      rejected: [
        { index: 1, code: 'InvalidJson' },
        { index: 2, code: 'NotAcknowledged', detail: 'send it again: broker away' },
      ],
    });
  });

  test('503 with Retry-After: no message is acknowledged', async () => {
    send = () => Promise.resolve({ missing: [0], reason: 'broker away' });
    const response = await post(line('a'));
    expect(response.statusCode).toBe(503);
    expect(response.headers).toMatchObject({ 'retry-after': '5', 'content-type': PROBLEM });
  });

  test('503 with Retry-After: the queue is full, before or after the body was read', async () => {
    send = () => {
      throw new QueueFullError('full');
    };
    expect(await post(line('a'))).toMatchObject({ statusCode: 503 });
    full = true;
    const response = await post('not even read');
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1']);
  });

  test('each record gets the trace of the request, and an invalid trace is dropped', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await post(line('a'), NDJSON, { traceparent, tracestate: 'k=v' });
    await post(line('b'), NDJSON, { traceparent: 'evil', 'x-other': 'no' });
    expect(sent.map(({ headers }) => headers)).toEqual([{ traceparent, tracestate: 'k=v' }, {}]);
  });

  test.each([
    ['application/json', line('a'), ['a']],
    ['application/json', `[${line('a')}, ${line('b')}]`, ['a', 'b']],
    [
      'application/cloudevents+json',
      '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}',
      ['/s|1'],
    ],
    [
      'application/cloudevents-batch+json',
      '[{"specversion":"1.0","id":"1","source":"/s","type":"t"}]',
      ['/s|1'],
    ],
  ])('202: a body of the type %s', async (type, body, keys) => {
    expect((await post(body, type)).statusCode).toBe(202);
    expect(sent.map(({ key }) => String(key))).toEqual(keys);
  });

  test('202: a CloudEvent in binary mode', async () => {
    const attributes = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };
    expect((await post('{"a":1}', 'application/json', attributes)).statusCode).toBe(202);
    expect(JSON.parse(String(sent[0]!.value))).toMatchObject({ id: '/s|1', payload: { a: 1 } });
  });

  test('messages are counted by outcome', async () => {
    await post(`${line('a')}\nnope`);
    await post('nope');
    const text = await metrics.registry.metrics();
    expect(text).toContain('cloudsync_ingest_records_total{outcome="accepted"} 1');
    expect(text).toContain('cloudsync_ingest_records_total{outcome="rejected"} 2');
    expect(text).toContain('cloudsync_ingest_requests_total{status="207"} 1');
    expect(text).toContain('cloudsync_ingest_requests_total{status="400"} 1');
    expect(text).toContain('cloudsync_ingest_seconds_count 2');
  });
});

describe('limits', () => {
  test('413: the body is too large, or has too many messages', async () => {
    expect(await post('x'.repeat(10_001))).toMatchObject({ statusCode: 413 });
    expect(await post('1\n'.repeat(6))).toMatchObject({ statusCode: 413 });
  });

  test('gzip is unpacked up to the limit', async () => {
    const encoding = { 'content-encoding': 'gzip' };
    expect((await post(gzipSync(line('a')), NDJSON, encoding)).statusCode).toBe(202);
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect((await post(bomb.subarray(0, 9_999), NDJSON, encoding)).statusCode).toBe(413);
    expect((await post('no gzip', NDJSON, encoding)).statusCode).toBe(400);
    const response = await post('x', NDJSON, { 'content-encoding': 'br' });
    expect([response.statusCode, response.headers['accept-encoding']]).toEqual([415, 'gzip']);
  });

  test.each(['text/plain', 'application/xml', 'application/jsonx', 'nonsense'])(
    '415 for %s, and the answer names the accepted types',
    async (type) => {
      const response = await post(line('a'), type);
      expect([response.statusCode, response.headers['content-type']]).toEqual([415, PROBLEM]);
      expect(response.headers.accept).toContain(NDJSON);
    },
  );

  test('a message that is nested too deeply is an error of that message only', async () => {
    await app.close();
    await start({ limits: { maxBodyBytes: 1_000_000, maxRecords: 5, queueBytes: 1_000_000 } });
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const body = line('a').replace('null', deep);
    expect(await post(`${body}\n${line('b')}`)).toMatchObject({ statusCode: 207 });
    expect(await post(`[${deep}]`, 'application/json')).toMatchObject({ statusCode: 400 });
  });

  test('the bodies that wait for the broker are limited in bytes, even if little of each is a message', async () => {
    const answers: (() => void)[] = [];
    send = () => new Promise((resolve) => answers.push(() => resolve({ missing: [] })));
    const body = line('a').padEnd(9_950, '\n');
    const plain = () => post(body);
    const packed = () => post(gzipSync(body), NDJSON, { 'content-encoding': 'gzip' });
    const waiting = Array.from({ length: 10 }, (_, index) => (index % 2 ? plain() : packed()));
    while (answers.length < 10) await new Promise(setImmediate);
    for (const refused of [await plain(), await packed()]) {
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
    }
    for (const answer of answers) answer();
    for (const taken of await Promise.all(waiting)) expect(taken.statusCode).toBe(202);
    send = () => Promise.resolve({ missing: [] });
    expect((await packed()).statusCode).toBe(202);
  });

  test('400: the request has no body', async () => {
    const response = await app.inject({
      method: 'POST',
      url: PATH,
      headers: { host: 'localhost' },
    });
    expect([response.statusCode, response.headers['content-type']]).toEqual([400, PROBLEM]);
  });
});

describe('who may send', () => {
  test('without tokens, only requests with a Host header of this machine are accepted', async () => {
    for (const host of ['localhost:1', '127.0.0.1:8088', '[::1]:8088']) {
      expect((await post(line('a'), NDJSON, { host })).statusCode).toBe(202);
    }
    expect((await post(line('a'), NDJSON, { host: 'evil.example:8088' })).statusCode).toBe(403);
  });

  test('with tokens, only requests with one of them are accepted', async () => {
    await app.close();
    await start({ tokens: [token] });
    const none = await post(line('a'));
    expect(none.statusCode).toBe(401);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="cloudsync"');
    const wrong = await post(line('a'), NDJSON, { authorization: 'Bearer wrong' });
    expect(wrong.headers['www-authenticate']).toContain('error="invalid_token"');
    const authorization = `Bearer ${token.token}`;
    const right = await post(line('a'), NDJSON, { authorization, host: 'api.example' });
    expect(right.statusCode).toBe(202);
    for (const url of ['/openapi.json', '/livez', '/readyz', '/docs']) {
      expect((await get(url)).statusCode).toBe(200);
    }
    expect((await get('/openapi.json')).json()).toMatchObject({ security: [{ token: [] }] });
  });
});

describe('other requests', () => {
  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const)(
    '405 for the method %s',
    async (method) => {
      const response = await app.inject({ method, url: PATH, headers: { host: 'localhost' } });
      expect(response).toMatchObject({ statusCode: 405, headers: { allow: 'POST' } });
    },
  );

  test('404 for an unknown path, and 400 for a URL that can not be read', async () => {
    for (const [url, status] of [
      ['/', 404],
      ['/v2/messages', 404],
      ['/%zz', 400],
    ] as const) {
      const response = await get(url);
      expect([response.statusCode, response.headers['content-type']]).toEqual([status, PROBLEM]);
    }
  });

  test('an internal error shows no details', async () => {
    send = () => Promise.reject(new Error('secret at /home/x'));
    const response = await post(line('a'));
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toMatch(/secret|home|stack/);
  });

  test('health endpoints answer with the state', async () => {
    expect((await get('/livez')).json()).toEqual({ live: true });
    faults = { kafka: 'away' };
    const response = await get('/readyz');
    expect([response.statusCode, response.json()]).toEqual([503, { ready: false, faults }]);
  });

  test('every answer has the security headers, and none names the server software', async () => {
    for (const { headers } of [await get('/docs'), await post(line('a')), await get('/nope')]) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
      });
      expect(headers['content-security-policy']).toContain("script-src 'self';");
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    }
  });

  test('connections are closed with their answer while the server stops', async () => {
    stopping = true;
    expect((await post(line('a'))).headers.connection).toBe('close');
  });
});

describe('the description', () => {
  test('contains the schema that messages are checked with', async () => {
    const { openapi, components } = (await get('/openapi.json')).json<{
      openapi: string;
      components: { schemas: { Message: { required: string[]; properties: object } } };
    }>();
    expect(openapi).toBe('3.1.0');
    expect(components.schemas.Message).toMatchObject({
      required: ['id', 'type', 'occurredAt', 'payload'],
      properties: { id: { type: 'string', minLength: 1, maxLength: 1024 } },
    });
  });

  test.each([
    ['with tokens', [token], '401'],
    ['without tokens', [], '403'],
  ])('has every status of an answer to a POST, %s', async (_, tokens, refused) => {
    await app.close();
    await start({ tokens });
    const { paths } = (await get('/openapi.json')).json<{
      paths: { [PATH]: { post: { responses: object } } };
    }>();
    expect(Object.keys(paths[PATH].post.responses)).toEqual(
      ['202', '207', '400', refused].concat(['408', '413', '415', '431', '500', '503']),
    );
  });

  test('has a page that loads nothing from other hosts and runs no inline script', async () => {
    const page = (await get('/docs')).body;
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) expect((await get(link)).statusCode).toBe(200);
    expect(page).not.toMatch(/<script(?! src=)|<style|on\w+="/);
    expect((await get('/docs/static/swagger-initializer.js')).body).toContain('/openapi.json');
  });
});

describe('on the wire', () => {
  async function exchange(text: string): Promise<string> {
    if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(text);
    await once(socket, 'close');
    return answer;
  }

  test('408: the client is too slow', async () => {
    const answer = await exchange(`POST ${PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-le`);
    expect(answer).toMatch(/^HTTP\/1.1 408 .*application\/problem\+json.*took too long/s);
  });

  test('400: the request is no HTTP, and 431: its headers are too large', async () => {
    expect(await exchange('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"status":400/s);
    const huge = `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`;
    expect(await exchange(huge)).toMatch(/^HTTP\/1.1 431 .*"status":431/s);
  });
});
