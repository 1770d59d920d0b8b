import { setTimeout as sleep } from 'node:timers/promises';
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { requireInstalled } from '../domain/optional-packages';
import type { Service } from '../lib/lifecycle';
import type { Logger } from './logger';
import { Tracing } from './tracing';

const SDK = [
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
] as const;
/** How long the end of a process waits for the last spans. */
const FLUSH_DEADLINE_MS = 3_000;

/** OpenTelemetry's SDK as {@link startTracing} has started it. */
export interface RunningTracing {
  /** Makes the spans; goes into the options of a worker. */
  tracing: Tracing;
  /** Exports the spans that are left, for 3 s at most. Never rejects. Every call returns the same promise. */
  readonly stop: () => Promise<void>;
  /** Gives the service back with an end that waits for the last spans. */
  until(service: Service): Service;
}

/**
 * Registers OpenTelemetry's SDK in this process, with an exporter for OTLP over HTTP in JSON. The SDK reads
 * endpoint, headers, sampling and resource attributes from the `OTEL_*` variables. Only this function loads
 * the SDK, so tracing costs nothing while it is off. Rejects with a
 * {@link UsageError} if the SDK is not installed.
 */
export async function startTracing(logger: Logger): Promise<RunningTracing> {
  requireInstalled('tracing', SDK);
  const [sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  // A failed export is reported only here.
  const say =
    (level: 'error' | 'warn') =>
    (message: string, ...details: unknown[]) =>
      logger[level]({ details: details.map(String) }, `OpenTelemetry: ${message}`);
  const ignore = () => undefined;
  diag.setLogger(
    { error: say('error'), warn: say('warn'), info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const { defaultResource, detectResources, resourceFromAttributes } = resources;
  // The detector of the process is not used, because a command line may contain secrets.
  const detectors = [resources.envDetector, resources.serviceInstanceIdDetector];
  const provider = new sdk.NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'cloudsync' }))
      .merge(detectResources({ detectors })),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();

  async function stop(): Promise<void> {
    const late = sleep(FLUSH_DEADLINE_MS, 'late', { ref: false });
    const flushed = provider.shutdown().then(
      () => undefined,
      (error: unknown) => ({ err: error }),
    );
    const failure = await Promise.race([flushed, late]);
    if (failure === 'late') logger.warn('The last spans could not be exported in time');
    else if (failure) logger.warn(failure, 'The last spans could not be exported');
    for (const api of [trace, context, propagation, diag]) api.disable();
  }
  let stopped: Promise<void> | undefined;
  const running: RunningTracing = {
    tracing: new Tracing(),
    stop: () => (stopped ??= stop()),
    until: (service) => ({
      stop: () => service.stop().finally(running.stop),
      // If the service ends by itself, this step is left to `stop`: the service may make spans until it has
      // drained.
      ended: service.ended.then(running.stop),
      faults: () => service.faults(),
      notices: () => service.notices?.() ?? {},
    }),
  };
  return running;
}
