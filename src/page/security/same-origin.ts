import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../../http/problem';
import { forwarded } from './forwarded';

const READS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses a write that another site's page has caused: a browser sends the cookie along. Browsers say where a request
 * comes from in `Sec-Fetch-Site`; over plain HTTP to another machine they say only `Origin`. A proxy may name its own host in
 * `Host`, and the browser's in `X-Forwarded-Host`, which no form of another site can send.
 */
export function foreignWrite({
  method,
  headers,
}: Pick<FastifyRequest, 'method' | 'headers'>): ProblemError | undefined {
  if (READS.includes(method)) return undefined;
  const site = headers['sec-fetch-site'];
  const isOwn =
    site === undefined
      ? hostsOf(headers).includes(hostOf(headers.origin))
      : site === 'same-origin' || site === 'none';
  if (isOwn) return undefined;
  return new ProblemError(
    403,
    "the request comes from a page of another site: send it from this page. A program names this host in the header origin. A proxy in front must pass the browser's host on, with its port",
  );
}

/** The hosts and ports by which the browser may know the page. */
function hostsOf(headers: FastifyRequest['headers']): string[] {
  const hosts = [headers.host ?? '', forwarded(headers, 'host')];
  return hosts.filter((host) => host !== '').map((host) => host.toLowerCase());
}

/** The host and port of an origin; empty for none, and for a page that hides its origin. */
function hostOf(origin: string | undefined): string {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : '';
}
