import type {} from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import { createAdmission } from '../../http/admission';
import { ProblemError } from '../../http/problem';
import { createTokenCheck } from '../../http/tokens';
import type { OperatorPageOptions, PageAction } from '../options';

/** The cookie that holds the token of a person who has logged in. */
export const SESSION_COOKIE = 'cloudsync_page';

/** Decides who is let in. */
export interface Guard {
  /** Whether people log in with a token. */
  readonly hasLogin: boolean;
  /** Whether a text is one of the tokens. */
  isToken(token: string): boolean;
  /** Why the request is refused; undefined if it is let in. */
  refusal(request: FastifyRequest, action: PageAction): Promise<ProblemError | undefined>;
}

/**
 * Makes the guard of a page. `authorize` decides if it is given. Else a request needs one of the tokens, in its cookie
 * or as a bearer token. Without tokens the request must go to a name of this machine: a page of somebody else reaches it
 * only by the somebody's own name.
 */
export function createGuard({
  authorize,
  tokens = [],
}: Pick<OperatorPageOptions, 'authorize' | 'tokens'>): Guard {
  const admission = createAdmission(tokens);
  const known = createTokenCheck(tokens);
  return {
    hasLogin: !authorize && tokens.length > 0,
    isToken: (token) => known(`Bearer ${token}`),
    async refusal(request, action) {
      if (authorize) {
        if (await authorize(request, action)) return undefined;
        return new ProblemError(403, 'this page is not for you: ask those who run it');
      }
      const { headers, hostname, cookies } = request;
      const cookie = cookies[SESSION_COOKIE];
      const authorization = headers.authorization ?? (cookie && `Bearer ${cookie}`);
      return admission({ headers: { ...headers, authorization }, hostname });
    },
  };
}
