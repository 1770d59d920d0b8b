import type { FastifyRequest } from 'fastify';
import { UsageError } from '../domain/errors';
import { ProblemError } from './problem';
import { createTokenCheck, type TokenHash } from './tokens';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
/** Names of this machine, as a browser sends them: another name is a page of somebody else. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** Without tokens only this machine may reach a server. Throws a {@link UsageError} where others could. */
export function requireTokens(
  { host, tokens }: { host: string; tokens: TokenHash[] },
  settings: { host: string; tokens: string },
): void {
  if (tokens.length > 0 || LOOPBACK.includes(host)) return;
  throw new UsageError(
    `${settings.host}: ${host} is open to others, so ${settings.tokens} is needed; "cloudsync api token" makes one`,
  );
}

/** Why a caller is not let in, by the token or, without tokens, by the name of this machine. */
export function createAdmission(tokens: TokenHash[]) {
  const known = createTokenCheck(tokens);
  return ({ headers, hostname }: FastifyRequest): ProblemError | undefined => {
    if (tokens.length === 0 && !LOCAL_NAMES.includes(hostname)) {
      return new ProblemError(403, 'without tokens only requests to localhost are taken');
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
