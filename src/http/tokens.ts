import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The known part of a bearer token: its SHA-256, and a name for people. */
export interface TokenHash {
  /** What people call it by. Default: it has no name. */
  name?: string;
  /** 64 hexadecimal digits. */
  hash: string;
}

/** Creates a random token of 256 bits, and its hash for `CLOUDSYNC_API_TOKENS`. */
export function newToken(): { token: string; hash: string } {
  const token = randomBytes(32).toString('base64url');
  return { token, hash: digest(token).toString('hex') };
}

/**
 * Returns a function that says which of the tokens an `authorization` header carries; undefined if it carries none. The
 * function takes equally long for each wrong token.
 */
export function createTokenSearch(tokens: TokenHash[]) {
  const known = tokens.map(({ hash }) => Buffer.from(hash, 'hex'));
  return (authorization: string | undefined): TokenHash | undefined => {
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const given = digest(token);
    return tokens[known.map((hash) => timingSafeEqual(hash, given)).indexOf(true)];
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
