import type { FastifyInstance } from 'fastify';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  // Without the referrer a browser hides its origin too, by which a write over plain HTTP is known as the page's own.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Adds the headers that keep a browser from running or embedding anything foreign. Only assets may be stored. */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onSend', async (_, reply) => {
    void reply.headers(HEADERS);
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
  });
}
