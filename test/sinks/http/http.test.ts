import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { classifyError, type DeliveryFailure } from '../../../src/domain/errors';
import { httpSink, type HttpSinkOptions } from '../../../src/sinks/http/http';
import { messageIds } from '../../domain/support/records';
import { Receiver } from '../support/receiver';
import { sinkRecord, write } from '../support/write';

let receiver: Receiver;
beforeEach(async () => (receiver = await Receiver.start()));
afterEach(() => receiver.close());

const sink = (options: Partial<HttpSinkOptions> = {}) =>
  httpSink({ url: `${receiver.url}/hook?token=hunter2`, ...options });

async function failureOf(attempt: Promise<unknown>): Promise<DeliveryFailure> {
  const error: unknown = await attempt.then(
    (result) => Promise.reject(new Error(`it was taken: ${JSON.stringify(result)}`)),
    (reason: unknown) => reason,
  );
  return classifyError(error);
}

/** Computes the signature of the request as a receiver's library does, and compares it. */
function expectSigned(index: number, secret: string, among = 1): void {
  const { headers, body } = receiver.requests[index]!;
  const id = headers['webhook-id'] as string;
  const seconds = headers['webhook-timestamp'] as string;
  expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(300);
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const content = Buffer.concat([Buffer.from(`${id}.${seconds}.`), body]);
  const signatures = (headers['webhook-signature'] as string).split(' ');
  expect(signatures).toHaveLength(among);
  expect(signatures).toContain(`v1,${createHmac('sha256', key).update(content).digest('base64')}`);
}

const secretOf = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;

describe('the request', () => {
  test("has the record's own bytes, and their content type", async () => {
    const value = Buffer.from([0x7b, 0xff, 0x00, 0x0a, 0x7d]);
    expect(await write(sink(), { value })).toEqual({ outcome: 'written' });
    expect(receiver.requests).toHaveLength(1);
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?token=hunter2', body: value });
    expect(request!.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '5',
      'idempotency-key': '42',
      'user-agent': 'cloudsync',
    });
    for (const name of ['webhook-id', 'webhook-signature', 'traceparent', 'transfer-encoding']) {
      expect(request!.headers).not.toHaveProperty(name);
    }
  });

  test('has the method, content type and headers of the options', async () => {
    const headers = { Authorization: 'Bearer t', 'X-Tenant': 'a', 'User-Agent': 'shop' };
    await write(sink({ method: 'PUT', contentType: 'text/csv', headers }), {});
    expect(receiver.requests[0]).toMatchObject({
      method: 'PUT',
      headers: {
        'content-type': 'text/csv',
        authorization: 'Bearer t',
        'x-tenant': 'a',
        'user-agent': 'shop',
      },
    });
  });

  test('goes to the URL that a function of the record returns', async () => {
    const url = ({ messageId }: { messageId: string }) => `${receiver.url}/of/${messageId}`;
    await write(sink({ url }), { messageId: '7' });
    expect(receiver.requests[0]!.path).toBe('/of/7');
  });

  test.each(['ftp://127.0.0.1/', 'nowhere', 'http://user:hunter2@127.0.0.1/'])(
    'is not sent if the function returns a wrong URL: %s',
    async (url) => {
      const failure = await failureOf(write(sink({ url: () => url })));
      expect(failure).toMatchObject({ type: 'Permanent' });
      expect(failure.message).toMatch(/^the URL that url\(\) returns for the record must/);
      expect(failure.message).not.toContain('hunter2');
      expect(receiver.requests).toEqual([]);
    },
  );

  test('has the trace of the record, or the span of the attempt', async () => {
    const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const span = `00-${'a'.repeat(32)}-${'c'.repeat(16)}-01`;
    const record = sinkRecord({
      headers: [
        ['traceparent', Buffer.from(own)],
        ['tracestate', Buffer.from('vendor=1')],
      ],
    });
    const { signal } = new AbortController();
    await sink().write(record, { signal, attempt: 1 });
    await sink().write(record, { signal, attempt: 1, trace: { traceparent: span } });
    expect(
      receiver.requests.map(({ headers }) => [headers.traceparent, headers.tracestate]),
    ).toEqual([
      [own, 'vendor=1'],
      [span, undefined],
    ]);
  });

  test("has no trace if the record's trace is invalid", async () => {
    await write(sink(), { headers: [['traceparent', Buffer.from('x\r\ny: z')]] });
    expect(receiver.requests[0]!.headers).not.toHaveProperty('traceparent');
  });

  test('is signed with each secret', async () => {
    const value = Buffer.from('{"é": 1}');
    await write(sink({ secret: secretOf(1) }), { value });
    await write(sink({ secret: [secretOf(2), secretOf(1)] }), { value });
    expectSigned(0, secretOf(1));
    expectSigned(1, secretOf(2), 2);
    expectSigned(1, secretOf(1), 2);
    expect(receiver.requests[0]!.headers['webhook-id']).toBe('42');
  });

  test('has the same idempotency key in every attempt, and at every offset', async () => {
    receiver.answer = (response) =>
      response.writeHead(receiver.requests.length === 1 ? 500 : 200).end();
    const one = sink({ secret: secretOf(1) });
    await failureOf(write(one, { messageId: 'a b' }));
    await write(one, { messageId: 'a b' });
    await write(one, { messageId: 'a b', offset: 99, partition: 3 });
    await write(sink({ idempotencyKey: ({ stream, messageId }) => `${stream}/${messageId}` }), {});
    const keys = receiver.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual(['a%20b', 'a%20b', 'a%20b', 'test%2F42']);
    expect(receiver.requests[2]!.headers['webhook-id']).toBe('a%20b');
  });

  test('is not sent with an empty idempotency key', async () => {
    const failure = await failureOf(write(sink({ idempotencyKey: () => '' })));
    expect(failure).toMatchObject({ type: 'Permanent' });
    expect(receiver.requests).toEqual([]);
  });

  test('has valid headers for any message id, and different keys for different ids', async () => {
    const one = sink({ secret: secretOf(1) });
    const seen = new Map<string, string>();
    const ids = ['x\r\nx-evil: 1', 'a.b', 'a', 'A', '€', '\0', '~', 'ö'.repeat(1_024), ' a', 'a '];
    for (const id of [...ids, ...fc.sample(messageIds, 40)]) {
      receiver.requests.length = 0;
      await write(one, { messageId: id });
      const [{ headers }] = receiver.requests as [(typeof receiver.requests)[0]];
      const key = headers['idempotency-key'] as string;
      expect(key).toMatch(/^[A-Za-z0-9_%~-]{1,200}$/);
      expect(headers['webhook-id']).toBe(key);
      expect(headers).not.toHaveProperty('x-evil');
      expectSigned(0, secretOf(1));
      expect(seen.get(key) ?? id).toBe(id);
      seen.set(key, id);
    }
  });
});

describe('the answer', () => {
  test.each([
    [200, 'written'],
    [503, 'Transient'],
    [400, 'Permanent'],
    [422, 'ContentConflict'],
  ])('with the status %d is %s', async (status, expected) => {
    receiver.answer = (response) => response.writeHead(status).end('text');
    const result = await write(sink()).catch(classifyError);
    expect('outcome' in result ? result.outcome : result.type).toBe(expected);
  });

  test('has the meaning that the option statuses gives it', async () => {
    receiver.answer = (response) => response.writeHead(409).end();
    expect(await write(sink({ statuses: { 409: 'duplicate' } }))).toEqual({ outcome: 'duplicate' });
  });

  test('gives the pause before the next attempt', async () => {
    receiver.answer = (response) => response.writeHead(429, { 'retry-after': '30' }).end();
    expect(await failureOf(write(sink()))).toMatchObject({
      type: 'Throttled',
      retryAfterMs: 30_000,
    });
  });

  test('is not followed if it is a redirect', async () => {
    const elsewhere = await Receiver.start();
    try {
      for (const status of [301, 302, 303, 307, 308]) {
        receiver.answer = (response) =>
          response.writeHead(status, { location: elsewhere.url }).end();
        const failure = await failureOf(write(sink()));
        expect(failure).toMatchObject({ type: 'Transient' });
        expect(failure.message).toContain(`answered with ${status}: redirects are not followed`);
      }
      expect(elsewhere.requests).toEqual([]);
      expect(receiver.requests).toHaveLength(5);
    } finally {
      await elsewhere.close();
    }
  });

  test('leads to an error without path, query, headers and secrets', async () => {
    receiver.answer = (response) => response.writeHead(400).end('hunter2');
    const headers = { authorization: 'hunter2' };
    const { message } = await failureOf(write(sink({ headers, secret: secretOf(1) })));
    expect(message).toBe(`POST to ${receiver.url} was answered with 400`);
  });
});

describe('a connection', () => {
  test('is used again after an answer with a body', async () => {
    receiver.answer = (response) => response.writeHead(200).end('x'.repeat(10_000));
    const one = sink();
    for (let i = 0; i < 20; i++) await write(one);
    expect(receiver.requests).toHaveLength(20);
    // The client opens a second connection if a request comes before it has the first connection back.
    expect(receiver.sockets.size).toBeLessThanOrEqual(2);
  });

  test('is not read to the end of an endless body', async () => {
    let sent = 0;
    receiver.answer = (response) => {
      const chunk = Buffer.alloc(65_536);
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    };
    expect(await write(sink())).toEqual({ outcome: 'written' });
    // The buffers between client and server take this much.
    expect(sent).toBeLessThan(20_000_000);
  });

  test('does not wait for a slow body', async () => {
    receiver.answer = (response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 50);
      response.once('close', () => clearInterval(drip));
    };
    expect(await write(sink({ timeoutMs: 60_000 }))).toEqual({ outcome: 'written' });
  });

  test('that is reset in the middle of the body has the meaning of the status', async () => {
    receiver.answer = (response) => {
      response.writeHead(500, { 'content-length': '1000' }).write('x');
      setTimeout(() => response.destroy(), 50);
    };
    const failure = await failureOf(write(sink()));
    expect(failure.message).toContain('answered with 500');
    receiver.answer = (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('x');
      setTimeout(() => response.destroy(), 50);
    };
    expect(await write(sink())).toEqual({ outcome: 'written' });
  });

  test('that is reset before the answer is transient', async () => {
    receiver.answer = (_, request) => request.socket.resetAndDestroy();
    const failure = await failureOf(write(sink()));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toMatch(/^POST to http:\/\/127\.0\.0\.1:\d+ failed: .*(RESET|SOCKET)/);
  });

  test('with an answer that is no HTTP is transient', async () => {
    receiver.answer = (_, request) => request.socket.end('hello\r\n\r\n');
    expect(await failureOf(write(sink()))).toMatchObject({ type: 'Transient' });
  });

  test('that is refused is transient', async () => {
    const gone = await Receiver.start();
    const { url } = gone;
    await gone.close();
    const failure = await failureOf(write(sink({ url })));
    expect(failure).toMatchObject({ type: 'Transient' });
    expect(failure.message).toContain('ECONNREFUSED');
  });

  test('to a silent receiver is closed after the time-out', async () => {
    const silent = new Promise<void>((resolve) => {
      receiver.answer = (response) => response.once('close', resolve);
    });
    expect(await failureOf(write(sink({ timeoutMs: 100 })))).toEqual({
      type: 'Transient',
      message: `POST to ${receiver.url} was not answered within 100 ms`,
    });
    await silent;
  });

  test("ends with the attempt's signal", async () => {
    const controller = new AbortController();
    const reason = new Error('the worker shuts down');
    const silent = new Promise<void>((resolve) => {
      receiver.answer = (response) => {
        response.once('close', resolve);
        controller.abort(reason);
      };
    });
    const context = { signal: controller.signal, attempt: 1 };
    await expect(sink().write(sinkRecord(), context)).rejects.toBe(reason);
    await silent;
    // The attempt ends at once if the signal was aborted before.
    await expect(sink().write(sinkRecord(), context)).rejects.toBe(reason);
    expect(receiver.requests).toHaveLength(1);
  });
});
