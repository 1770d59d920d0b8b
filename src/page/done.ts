import type {} from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Links } from './links';
import { isSecure } from './security/is-secure';

/** Says on the next screen what a person has done. In a cookie, so that no link can make the page say something. */
const DONE_COOKIE = 'cloudsync_page_done';
/** In base64, text of this length is at most 4,000 bytes in any language. Browsers drop a cookie of more than 4,096. */
const MAX_TEXT = 1_000;
const MAX_AGE_SECONDS = 60;

export function sayDone(
  request: FastifyRequest,
  reply: FastifyReply,
  links: Links,
  text: string,
): void {
  void reply.setCookie(
    DONE_COOKIE,
    Buffer.from(text.slice(0, MAX_TEXT).toWellFormed()).toString('base64url'),
    {
      ...{ path: links.cookiePath, httpOnly: true, sameSite: 'strict', maxAge: MAX_AGE_SECONDS },
      secure: isSecure(request),
    },
  );
}

/** What the person has just done; undefined if it was nothing, or if a screen has said so already. */
export function takeDone(
  { cookies, headers }: FastifyRequest,
  reply: FastifyReply,
  links: Links,
): string | undefined {
  const cookie = cookies[DONE_COOKIE];
  // A refresh of a part of the screen does not show it.
  if (cookie === undefined || headers['hx-request'] !== undefined) return undefined;
  void reply.clearCookie(DONE_COOKIE, { path: links.cookiePath });
  return Buffer.from(cookie, 'base64url').toString();
}
