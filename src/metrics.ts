import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds; from a fast local start to a retry that waited for a sink to come back. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Metrics = ReturnType<typeof createMetrics>;

/** The metrics of one process. Labels are bounded: never a message id, never a workflow id. */
export function createMetrics(registry = new Registry()) {
  const registers = [registry];
  return {
    registry,
    ready: new Gauge({
      name: 'cloudsync_ready',
      help: '1 while /readyz answers 200, else 0',
      registers,
    }),
    records: new Counter({
      name: 'cloudsync_records_total',
      help: 'Records that ended, by outcome: delivered, duplicate, dead_lettered, invalid',
      labelNames: ['stream', 'outcome'] as const,
      registers,
    }),
    duplicates: new Counter({
      name: 'cloudsync_duplicates_total',
      help: 'Duplicates skipped, by the layer that saw them: recent, workflow-id, sink',
      labelNames: ['stream', 'layer'] as const,
      registers,
    }),
    inFlight: new Gauge({
      name: 'cloudsync_in_flight',
      help: 'Workflows started by this process that have not ended yet',
      labelNames: ['stream'] as const,
      registers,
    }),
    consumerLag: new Gauge({
      name: 'cloudsync_consumer_lag',
      help: 'Records of a partition that are not committed yet, those in work included',
      labelNames: ['stream', 'topic', 'partition'] as const,
      registers,
    }),
    startSeconds: new Histogram({
      name: 'cloudsync_start_seconds',
      help: 'Time until the Temporal server acknowledged a workflow start',
      labelNames: ['stream', 'eager'] as const,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    deliverySeconds: new Histogram({
      name: 'cloudsync_delivery_seconds',
      help: 'Time of a successful attempt at the sink',
      labelNames: ['stream'] as const,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    chunkRecords: new Histogram({
      name: 'cloudsync_chunk_records',
      help: 'Records of a chunk that was started',
      labelNames: ['stream'] as const,
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
      registers,
    }),
    recordsExpired: new Counter({
      name: 'cloudsync_records_expired_total',
      help: 'Records of chunks that were no longer on the broker when a worker read them back',
      labelNames: ['stream'] as const,
      registers,
    }),
    recentIds: new Gauge({
      name: 'cloudsync_recent_ids',
      help: 'Messages remembered by the recent layer',
      labelNames: ['stream'] as const,
      registers,
    }),
    recentLockWaits: new Counter({
      name: 'cloudsync_recent_lock_waits_total',
      help: 'Duplicates that waited for the first of their kind, still in flight',
      labelNames: ['stream'] as const,
      registers,
    }),
    rebalances: new Counter({
      name: 'cloudsync_rebalances_total',
      help: 'Times the consumer joined its group',
      labelNames: ['stream'] as const,
      registers,
    }),
    backoff: new Counter({
      name: 'cloudsync_backoff_total',
      help: 'Times workflow starts paused, by the reason the server gave',
      labelNames: ['stream', 'reason'] as const,
      registers,
    }),
    idCollisions: new Counter({
      name: 'cloudsync_id_collisions_total',
      help: 'Workflow ids that were held by another record',
      labelNames: ['stream'] as const,
      registers,
    }),
    retries: new Counter({
      name: 'cloudsync_retries_total',
      help: 'Failed attempts at the sink that another attempt may mend, by class of error',
      labelNames: ['stream', 'error_type'] as const,
      registers,
    }),
  };
}

/**
 * Counters of a stream that stand still for long, at zero: a series that is born with its first event
 * shows Prometheus no increase, and no alert would tell of it.
 */
export function startAtZero(metrics: Metrics, stream: string): void {
  for (const outcome of ['delivered', 'duplicate', 'dead_lettered', 'invalid']) {
    metrics.records.inc({ stream, outcome }, 0);
  }
  for (const layer of ['recent', 'workflow-id', 'sink']) {
    metrics.duplicates.inc({ stream, layer }, 0);
  }
  metrics.recordsExpired.inc({ stream }, 0);
  metrics.idCollisions.inc({ stream }, 0);
}
