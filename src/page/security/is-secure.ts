import type { FastifyRequest } from 'fastify';

/**
 * Whether the browser speaks TLS, here or with a proxy in front. Whoever forges the proxy's header only keeps a browser from
 * sending its own cookies in the clear.
 */
export function isSecure({ protocol, headers }: FastifyRequest): boolean {
  const [forwarded] = String(headers['x-forwarded-proto'] ?? '').split(',');
  return protocol === 'https' || forwarded!.trim() === 'https';
}
