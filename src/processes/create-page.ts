import type { FastifyInstance } from 'fastify';
import type { AnyStream } from '../domain/stream/stream';
import { requireTokens } from '../http/admission';
import { readiness } from '../http/health-server';
import { listen } from '../http/listen';
import type { Service } from '../lib/lifecycle';
import { operatorPage } from '../page/operator-page';
import type { PageSettings } from '../settings/page';
import type { Logger } from '../telemetry/logger';
import type { ConnectionSettings } from './connections';

/** An operator page that listens. */
export interface PageService extends Service {
  /** `http://host:port`, with the base path if there is one. */
  url: string;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** The name of a stream has 249 characters at most. A longer part of an address gets an answer of the page, not of Fastify. */
const MAX_PARAM_LENGTH = 2_000;

/**
 * Starts the operator page. It starts also while Kafka or Temporal is away, and says so on its screens. Rejects with a
 * {@link UsageError} if the port is taken, if the page would be open to everybody, or if its packages are not installed.
 */
export async function startPage(
  options: ConnectionSettings & { streams: AnyStream[]; page: PageSettings; logger: Logger },
): Promise<PageService> {
  const { kafka, temporal, streams, page, logger } = options;
  const { tokens, readOnly, temporalUi, userHeader, grafana, basePath = '' } = page;
  const plugin = operatorPage({
    ...{ kafka, temporal, streams, logger, tokens, readOnly },
    ...(temporalUi !== undefined && { temporalUi }),
    ...(userHeader !== undefined && { userHeader }),
    ...(grafana !== undefined && { grafana }),
  });
  requireTokens(page, { host: 'CLOUDSYNC_PAGE_HOST', tokens: 'CLOUDSYNC_PAGE_TOKENS' });
  let stopped: Promise<void> | undefined;
  const faults = (): Record<string, string> => (stopped ? { process: 'stopping' } : {});
  const { fastify, LogController } = await import('fastify');
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    rewriteUrl: ({ url = '/' }) => withBase(url, basePath),
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: { headersTimeout: 10_000 },
  }) as unknown as FastifyInstance;
  app.get('/livez', () => ({ live: true }));
  app.get('/readyz', (_, reply) => {
    const found = readiness({ faults });
    return reply.code(found.ready ? 200 : 503).send(found);
  });
  await app.register(plugin, { prefix: basePath });
  const url = (await listen(app, page, 'CLOUDSYNC_PAGE_PORT')) + basePath;
  logger.info({ url, readOnly, streams: streams.map(({ name }) => name) }, 'Listening');
  let ended: () => void = () => undefined;
  return {
    url,
    faults,
    stop: () => (stopped ??= app.close().then(() => ended())),
    ended: new Promise((resolve) => (ended = resolve)),
  };
}

const PROBES = ['/livez', '/readyz'];
/** An address that no screen has. Fastify answers an address that it can't decode by itself, before the page is asked. */
const NO_SCREEN = '/no-screen';

function isPercentEncoded(path: string): boolean {
  try {
    return decodeURIComponent(path) !== undefined;
  } catch {
    return false;
  }
}

/** The address below the base path. A proxy may strip the path from the addresses that it passes on, or may leave it. */
function withBase(url: string, base: string): string {
  const path = url.split('?', 1)[0]!;
  if (!isPercentEncoded(path)) return base + NO_SCREEN;
  const isBelow = path === base || path.startsWith(`${base}/`);
  return isBelow || PROBES.includes(path) ? url : base + url;
}
