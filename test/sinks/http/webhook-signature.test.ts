import { webhookHeaders, webhookKey } from '../../../src/sinks/http/webhook-signature';

/** The example of the tests in the specification's own libraries. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const SECONDS = 1_614_265_330;
const BODY = Buffer.from('{"test": 2432232314}');
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

test('webhookHeaders signs as the libraries of Standard Webhooks do', () => {
  const headers = webhookHeaders([webhookKey(SECRET)!], ID, BODY, SECONDS * 1_000 + 999);
  expect(headers).toEqual({
    'webhook-id': ID,
    'webhook-timestamp': String(SECONDS),
    'webhook-signature': SIGNATURE,
  });
});

test('webhookHeaders makes a signature with each key, in the given order', () => {
  const other = webhookKey(`whsec_${Buffer.alloc(32, 7).toString('base64')}`)!;
  const { 'webhook-signature': signature } = webhookHeaders(
    [other, webhookKey(SECRET)!],
    ID,
    BODY,
    SECONDS * 1_000,
  );
  expect(signature).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/);
  expect(signature!.split(' ')[1]).toBe(SIGNATURE);
});

const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 0xfb).toString('base64')}`;

test.each([24, 32, 64])('webhookKey accepts a secret of %d bytes', (bytes) => {
  expect(webhookKey(secretOf(bytes))).toEqual(Buffer.alloc(bytes, 0xfb));
});

test('webhookKey accepts a secret without padding', () => {
  expect(webhookKey(secretOf(32).replace(/=+$/, ''))).toEqual(Buffer.alloc(32, 0xfb));
});

test.each([
  ['too short', secretOf(23)],
  ['too long', secretOf(65)],
  ['without its prefix', SECRET.slice('whsec_'.length)],
  ['a private key', `whsk_${Buffer.alloc(64).toString('base64')}`],
  ['not base64', `${SECRET.slice(0, -1)}!`],
  ['base64url', secretOf(32).replaceAll('+', '-').replaceAll('/', '_')],
  ['with a line break', `${SECRET}\n`],
  ['empty', ''],
])('webhookKey refuses a secret that is %s', (_, secret) => {
  expect(webhookKey(secret)).toBeUndefined();
});
