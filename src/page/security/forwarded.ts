import type { FastifyRequest } from 'fastify';

/** What the proxy next to the browser says in an `X-Forwarded` header, of which every proxy may add to the list; empty for nothing. */
export function forwarded(headers: FastifyRequest['headers'], name: 'host' | 'proto'): string {
  return String(headers[`x-forwarded-${name}`] ?? '')
    .split(',')[0]!
    .trim();
}
