import {
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  type LogLevel,
} from '@temporalio/worker';
import type { Logger } from '../telemetry/logger';
import { sdkLine } from './sdk-log';

let installed = false;

/**
 * Installs Temporal's runtime, of which a process has one. The runtime's logs go to `logger`; signals are left to
 * the process. Must be called before the first connection; later calls change nothing. `metricsAddress`: the
 * host:port at which the runtime serves its own metrics; default: it keeps none. Throws if that address is in use.
 */
export function installTemporalRuntime(
  logger: Logger,
  { metricsAddress }: { metricsAddress?: string } = {},
): void {
  if (installed) return;
  const log = logger.child({ component: 'temporal' });
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const { fields, isTold } = sdkLine(message, meta, log.isLevelEnabled('debug'));
      log[isTold ? 'debug' : PINO_LEVELS[level]](fields, message);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
      ...(metricsAddress && { metrics: { prometheus: { bindAddress: metricsAddress } } }),
    },
  });
  installed = true;
}

const PINO_LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogLevel, string>;
