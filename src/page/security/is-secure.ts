import type { FastifyRequest } from 'fastify';
import { forwarded } from './forwarded';

/**
 * Whether the browser speaks TLS, here or with a proxy in front. Whoever forges the proxy's header only keeps a browser from
 * sending its own cookies in the clear.
 */
export function isSecure({ protocol, headers }: FastifyRequest): boolean {
  return protocol === 'https' || forwarded(headers, 'proto') === 'https';
}
