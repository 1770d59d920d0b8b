import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MAX_FORM_BYTES } from './forms';
import { render } from './render';
import { SESSION_COOKIE } from './security/guard';
import { isSecure } from './security/is-secure';
import type { Site } from './site';
import { Login } from './views/login';

const form = z.object({
  token: z.string().trim().catch(''),
  next: z.string().catch(''),
});

/** Adds login and logout. The token goes into a cookie that no script can read, and that no other site's page can use. */
export function addLogin(app: FastifyInstance, site: Site): void {
  const { guard, links } = site;
  const path = links.cookiePath;
  const start = links.to('/');
  app.post('/login', { bodyLimit: MAX_FORM_BYTES }, (request, reply) => {
    const { token, next } = form.parse(request.body ?? {});
    const target = isOwnAddress(next, links.base) ? next : start;
    if (!guard.isToken(token)) {
      const page = site.contextOf(request, false);
      void reply.code(401).type('text/html; charset=utf-8');
      return reply.send(render(<Login page={page} next={target} isWrong />));
    }
    return reply
      .setCookie(SESSION_COOKIE, token, {
        ...{ path, httpOnly: true, sameSite: 'strict', secure: isSecure(request) },
      })
      .redirect(target, 303);
  });
  app.post('/logout', (_, reply) =>
    reply.clearCookie(SESSION_COOKIE, { path }).redirect(start, 303),
  );
}

/** Whether an address leads to a screen of this page, and not to another site. */
function isOwnAddress(address: string, base: string): boolean {
  return address.startsWith(`${base}/`) && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(address);
}
