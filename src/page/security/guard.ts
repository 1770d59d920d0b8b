import type {} from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import { UsageError } from '../../domain/errors';
import { createAdmission } from '../../http/admission';
import { ProblemError } from '../../http/problem';
import { createTokenSearch } from '../../http/tokens';
import { operator } from '../../operations/operator';
import type { OperatorPageOptions, PageAction } from '../options';

/** The cookie that holds the token of a person who has logged in. */
export const SESSION_COOKIE = 'cloudsync_page';

/** Decides who is let in, and knows who that is. */
export interface Guard {
  /** Whether people log in with a token. */
  readonly hasLogin: boolean;
  /** Whether a text is one of the tokens. */
  isToken(token: string): boolean;
  /** Why the request is refused; undefined if it is let in. */
  refusal(request: FastifyRequest, action: PageAction): Promise<ProblemError | undefined>;
  /** Who makes a request that is let in, for the audit. */
  userOf(request: FastifyRequest): string;
}

type GuardOptions = Pick<
  OperatorPageOptions,
  'authorize' | 'tokens' | 'user' | 'userHeader' | 'readOnly'
>;

/** A name comes from a proxy or from the program around the page. */
const MAX_USER = 200;

/**
 * Makes the guard of a page. `authorize` decides if it is given. Else a request needs one of the tokens, in its cookie
 * or as a bearer token. Without tokens the request must go to a name of this machine: a page of somebody else reaches it
 * only by the somebody's own name. Throws a {@link UsageError} if the page could not say who acts.
 */
export function createGuard(options: GuardOptions): Guard {
  const { authorize, tokens = [], user, readOnly = false } = options;
  if (authorize && !user && !readOnly) {
    throw new UsageError(
      'operatorPage has authorize and no user: the audit needs to know who acts. Give user, or readOnly: true',
    );
  }
  const admission = createAdmission(tokens);
  const tokenOf = createTokenSearch(tokens);
  return {
    hasLogin: !authorize && tokens.length > 0,
    isToken: (token) => tokenOf(`Bearer ${token}`) !== undefined,
    async refusal(request, action) {
      if (authorize) {
        if (await authorize(request, action)) return undefined;
        return new ProblemError(403, 'this page is not for you: ask those who run it');
      }
      const { headers, hostname } = request;
      return admission({ headers: { ...headers, authorization: credential(request) }, hostname });
    },
    userOf: (request) => userOf(request, options, tokenOf).slice(0, MAX_USER),
  };
}

/**
 * The token that a program sends, or that the browser keeps. A proxy may pass on a header of another scheme, by which a
 * person has logged in at the proxy.
 */
function credential({ headers, cookies }: FastifyRequest): string | undefined {
  const cookie = cookies[SESSION_COOKIE];
  const isBearer = /^bearer /i.test(headers.authorization ?? '');
  return isBearer || !cookie ? headers.authorization : `Bearer ${cookie}`;
}

function userOf(
  request: FastifyRequest,
  { user, userHeader }: GuardOptions,
  tokenOf: ReturnType<typeof createTokenSearch>,
): string {
  if (user) return user(request);
  const token = tokenOf(credential(request));
  const byToken = token && (token.name ?? `token ${token.hash.slice(0, 8)}`);
  const named = userHeader && request.headers[userHeader.toLowerCase()];
  if (typeof named === 'string' && named !== '') return byToken ? `${named} (${byToken})` : named;
  return byToken ?? operator();
}
