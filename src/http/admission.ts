import type { FastifyRequest } from 'fastify';
import { UsageError } from '../domain/errors';
import { ProblemError } from './problem';
import { createTokenSearch, type TokenHash } from './tokens';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
/**
 * Names of this machine, as a browser sends them. A request with another name comes from somebody else's page.
 */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** Throws a {@link UsageError} if other machines could reach a server without tokens. */
export function requireTokens(
  { host, tokens }: { host: string; tokens: TokenHash[] },
  settings: { host: string; tokens: string },
): void {
  if (tokens.length > 0 || LOOPBACK.includes(host)) return;
  throw new UsageError(
    `${settings.host}: ${host} is open to others, so ${settings.tokens} is needed; "cloudsync api token" makes one`,
  );
}

/**
 * Returns a function that says why a caller is refused; undefined if the caller is admitted. With tokens, the
 * caller needs one of them. Without tokens, the request must go to a name of this machine.
 */
export function createAdmission(tokens: TokenHash[]) {
  const known = createTokenSearch(tokens);
  return ({
    headers,
    hostname,
  }: Pick<FastifyRequest, 'headers' | 'hostname'>): ProblemError | undefined => {
    if (tokens.length === 0 && !LOCAL_NAMES.includes(hostname)) {
      return new ProblemError(403, 'without tokens only requests to localhost are accepted');
    }
    if (tokens.length > 0 && !known(headers.authorization)) {
      const error = headers.authorization === undefined ? '' : ', error="invalid_token"';
      return new ProblemError(401, 'a bearer token is needed', {
        'www-authenticate': `Bearer realm="cloudsync"${error}`,
      });
    }
    return undefined;
  };
}
