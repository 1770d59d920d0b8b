import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What is known of a bearer token: its SHA-256, and for people a name. */
export interface TokenHash {
  name?: string;
  /** 64 hexadecimal digits. */
  hash: string;
}

/** A new random token of 256 bits, and what `CLOUDSYNC_API_TOKENS` takes of it. */
export function newToken(): { token: string; hash: string } {
  const token = randomBytes(32).toString('base64url');
  return { token, hash: digest(token).toString('hex') };
}

/** Whether an `authorization` header carries one of the tokens. Takes equally long for each wrong one. */
export function createTokenCheck(tokens: TokenHash[]) {
  const known = tokens.map(({ hash }) => Buffer.from(hash, 'hex'));
  return (authorization: string | undefined): boolean => {
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const given = digest(token);
    return known.map((hash) => timingSafeEqual(hash, given)).includes(true);
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
