import { z } from 'zod';
import { LOG_LEVELS } from '../../telemetry/logger';
import { anyOf, FACTS } from './facts';
import { milliseconds, port } from './values';

export const PROCESSES = {
  CLOUDSYNC_WORKER_DEPLOYMENT: z.string().optional().register(FACTS, {
    meaning:
      'name of the worker deployment, for [Worker Versioning](../guides/production.md#worker-versioning)',
  }),
  CLOUDSYNC_WORKER_BUILD_ID: z.string().optional().register(FACTS, {
    meaning: 'version of this build in the deployment; both or none',
  }),
  CLOUDSYNC_METRICS_PORT: port.default(9464).register(FACTS, {
    meaning: 'port of `/metrics`, `/livez`, `/readyz`; 0 takes any free one',
  }),
  CLOUDSYNC_METRICS_HOST: z.string().min(1).default('127.0.0.1').register(FACTS, {
    meaning:
      "address of `/metrics`, `/livez`, `/readyz`, also of the API's; `0.0.0.0` in a container",
  }),
  CLOUDSYNC_LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .register(FACTS, {
      meaning: anyOf(LOG_LEVELS),
    }),
  CLOUDSYNC_STALLED_AFTER_MS: milliseconds.min(1_000).default(60_000).register(FACTS, {
    meaning: 'time without progress after which a partition with work is called stalled',
    unit: 'milliseconds',
  }),
  CLOUDSYNC_TRACING: z.stringbool().default(false).register(FACTS, {
    meaning: 'whether spans go to OpenTelemetry, see [tracing](../guides/tracing.md)',
  }),
};
