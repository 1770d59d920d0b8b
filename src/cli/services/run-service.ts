import { installTemporalMetrics } from '../../temporal/sdk-metrics';
import type { ConnectionSettings } from '../../processes/connections';
import { collectDefaultMetrics } from 'prom-client';
import type { ApiSettings } from '../../settings/http-producer';
import type { AnyStream } from '../../domain/stream/stream';
import { startHealthServer } from '../../http/health-server';
import { runUntilSignal, type Service } from '../../lib/lifecycle';
import type { Logger } from '../../telemetry/logger';
import { createMetrics, type Metrics } from '../../telemetry/metrics';
import { startTracing } from '../../telemetry/start-tracing';
import type { Tracing } from '../../telemetry/tracing';
import { commandContext, type StreamFlags } from '../options/context';
import { serveWithoutReaders } from '../options/exit';

type CreateService = (
  options: ConnectionSettings & {
    streams: AnyStream[];
    logger: Logger;
    metrics: Metrics;
    api: ApiSettings;
    tracing: Tracing | undefined;
    stalledAfterMs: number;
  },
) => Promise<Service>;

/** Runs a worker process or the HTTP producer: the service, its health server, and the handling of signals. */
export async function runService(
  flags: StreamFlags,
  create: CreateService,
  kind: 'worker' | 'api' = 'worker',
): Promise<void> {
  serveWithoutReaders();
  const { settings, streams, logger } = await commandContext(flags);
  const { kafka, temporal, api, metricsHost: host } = settings;
  const health =
    kind === 'api'
      ? { host, port: api.metricsPort, portSetting: 'CLOUDSYNC_API_METRICS_PORT' }
      : { host, port: settings.metricsPort };
  const metrics = createMetrics();
  // Memory, CPU and event loop of the process, under the names that every Node dashboard knows.
  collectDefaultMetrics({ register: metrics.registry });
  // The health server starts before the service, so a probe of a starting process gets the answer "not ready".
  let service: Service | undefined;
  const faults = () => service?.faults() ?? { process: 'starting' };
  const notices = () => service?.notices?.() ?? {};
  let temporalMetrics: (() => Promise<string>) | undefined;
  const server = await startHealthServer(health, metrics, { faults, notices }, () =>
    temporalMetrics ? temporalMetrics() : Promise.resolve(''),
  );
  try {
    const start = async () => {
      // The HTTP producer does not use Temporal.
      if (kind === 'worker') temporalMetrics = await installTemporalMetrics(logger);
      const spans = settings.tracing ? await startTracing(logger) : undefined;
      const tracing = spans?.tracing;
      const created = await create({
        ...{ kafka, temporal, streams, logger, metrics, api, tracing },
        stalledAfterMs: settings.stalledAfterMs,
      });
      service = spans ? spans.until(created) : created;
      const names = streams.map(({ name }) => name);
      // An empty setting means no encryption, and nobody would notice.
      const encryption = kind === 'worker' && { encryption: temporal.codec ? 'on' : 'off' };
      logger.info({ streams: names, metrics: `${server.url}/metrics`, ...encryption }, 'Started');
      return service;
    };
    await runUntilSignal(start(), logger);
  } finally {
    await server.close();
  }
}
