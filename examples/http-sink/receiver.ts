import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { env } from 'node:process';
import { buffer } from 'node:stream/consumers';

/** How far the sender's clock may be from this one. */
const TOLERANCE_SECONDS = 300;

/**
 * Whether one of the signatures was made with the secret. There are libraries that do this for every
 * language; see https://www.standardwebhooks.com.
 */
export function isSigned(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const [id, seconds, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    String(headers[`webhook-${name}`]),
  );
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) <= TOLERANCE_SECONDS)) return false;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest();
  return signatures!.split(' ').some((signature) => {
    const given = Buffer.from(signature.replace('v1,', ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** A receiver that takes each message once, with what it took in memory. */
export function createReceiver(taken = new Map<string, string>(), secret?: string): Server {
  function answer(headers: IncomingHttpHeaders, body: Buffer): [number, Record<string, string>] {
    const key = headers['idempotency-key'];
    if (typeof key !== 'string') return [400, {}];
    if (secret && !isSigned(headers, body, secret)) return [401, {}];
    const known = taken.get(key);
    if (known !== undefined && known !== body.toString()) return [422, {}];
    taken.set(key, body.toString());
    return known === undefined ? [201, {}] : [200, { 'idempotent-replayed': 'true' }];
  }
  return createServer((request, response) => {
    void buffer(request).then((body) => response.writeHead(...answer(request.headers, body)).end());
  });
}

if (require.main === module) {
  const taken = new Map<string, string>();
  createReceiver(taken, env.WEBHOOK_SECRET).listen(8788, '127.0.0.1', () =>
    console.log('http://127.0.0.1:8788/shipments'),
  );
  let shown = 0;
  setInterval(() => {
    for (const [key, body] of [...taken].slice(shown)) console.log(key, body);
    shown = taken.size;
  }, 200);
}
