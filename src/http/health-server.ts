import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorWithCause, UsageError } from '../domain/errors';
import type { Service } from '../lib/lifecycle';
import type { Metrics } from '../telemetry/metrics';

/** The running server of `/metrics`, `/livez` and `/readyz`. */
export interface HealthServer {
  /** `http://host:port`, without a path. */
  url: string;
  /** Stops listening, and cuts connections that are open. */
  close(): Promise<void>;
}

/** The body of `/readyz`. The status is 200 if `ready`, else 503. */
export function readiness(service: Pick<Service, 'faults' | 'notices'>) {
  const faults = service.faults();
  const notices = service.notices?.();
  return { ready: Object.keys(faults).length === 0, faults, ...(notices && { notices }) };
}

/**
 * Serves the health of a process. Throws a {@link UsageError} if the port is taken.
 * - `/metrics`: for Prometheus, the process's own metrics and then those of `furtherMetrics` (text in the same
 *   format).
 * - `/livez`: answers while the event loop does, whatever Kafka and Temporal do.
 * - `/readyz`: 200 or 503, with the checks that failed, and with notices, which do not affect the status.
 */
export async function startHealthServer(
  options: { host: string; port: number; portSetting?: string },
  metrics: Metrics,
  service: Pick<Service, 'faults' | 'notices'>,
  furtherMetrics: () => Promise<string> = () => Promise.resolve(''),
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const answer = (status: number, body: string, type = 'application/json') =>
      response.writeHead(status, { 'content-type': type }).end(body);
    if (path === '/livez') answer(200, '{"live":true}');
    else if (path === '/readyz') {
      const found = readiness(service);
      answer(found.ready ? 200 : 503, JSON.stringify(found));
    } else if (path === '/metrics') {
      metrics.ready.set(readiness(service).ready ? 1 : 0);
      Promise.all([metrics.registry.metrics(), furtherMetrics().catch(asComment)])
        .then((texts) => answer(200, texts.join('\n'), metrics.registry.contentType))
        .catch((error: unknown) => answer(500, JSON.stringify({ error: String(error) })));
    } else answer(404, '{"error":"try /metrics, /livez or /readyz"}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new UsageError(
              `port ${options.port} is taken: set ${options.portSetting ?? 'CLOUDSYNC_METRICS_PORT'} to another one, or to 0 for any`,
            )
          : error,
      );
    });
    server.listen(options.port, options.host, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** If the further metrics can't be read, the process's own are better than none. */
function asComment(error: unknown): string {
  return `# further metrics can not be read: ${errorWithCause(error).replace(/\s+/g, ' ')}\n`;
}
