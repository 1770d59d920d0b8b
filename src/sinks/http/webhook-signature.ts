import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** The Standard Webhooks specification asks for secrets of 192 to 512 bits. */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** The key in a secret of the form `whsec_<base64>`, or `undefined` if the text is not such a secret. */
export function webhookKey(secret: string): Buffer | undefined {
  if (!secret.startsWith(PREFIX)) return undefined;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  // Buffer skips characters that are not base64, so a mistyped secret would sign with another key.
  const same = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return same && key.length >= MIN_BYTES && key.length <= MAX_BYTES ? key : undefined;
}

/**
 * Returns the three headers of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). A signature is the
 * HMAC-SHA256 of `<id>.<seconds since the epoch>.<body>`. Each key makes a signature, so that a key can be
 * replaced while receivers still check the old key. The id must not contain a dot.
 */
export function webhookHeaders(
  keys: Buffer[],
  id: string,
  body: Buffer,
  now: number = Date.now(),
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000));
  const signatures = keys.map((key) => {
    const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
    return `v1,${hmac.digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
