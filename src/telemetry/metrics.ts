import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** In seconds: from a fast local start to a retry that waited until a sink came back. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** CloudSync's own counters, gauges and histograms, by the name that the code has for each. */
type Instruments = ReturnType<typeof createInstruments>;

/**
 * The metrics of one process, made by {@link createMetrics}: instruments of prom-client. `await registry.metrics()` gives
 * their values in the text format of Prometheus; the help of each says what the metric means.
 */
export type Metrics = Instruments & {
  /** Where the metrics are registered. */
  readonly registry: Registry;
};

/**
 * Makes the metrics of one process, and registers them. Labels are bounded: never a message id, never a workflow id.
 * `registry` is a new one by default; pass your own to have these metrics beside others.
 */
export function createMetrics(registry = new Registry()): Metrics {
  return { registry, ...createInstruments(registry) };
}

/** The help of each metric is its meaning in docs/reference/metrics.md, which has the metrics in this order. */
function createInstruments(registry: Registry) {
  const registers = [registry];
  return {
    ready: new Gauge({
      name: 'cloudsync_ready',
      help: '1 while /readyz answers 200, else 0',
      registers,
    }),
    records: new Counter({
      name: 'cloudsync_records_total',
      help: 'Records that ended in this process, by outcome: delivered, duplicate, dead_lettered, invalid, filtered',
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
      help: 'Workflows started by this process that have not ended',
      labelNames: ['stream'] as const,
      registers,
    }),
    consumerLag: new Gauge({
      name: 'cloudsync_consumer_lag',
      help: 'Records of a partition that are not committed, those in work included; every 5 s',
      labelNames: ['stream', 'topic', 'partition'] as const,
      registers,
    }),
    lagSeconds: new Gauge({
      name: 'cloudsync_lag_seconds',
      help: 'Age of the oldest record of a partition that is not committed; every 5 s',
      labelNames: ['stream', 'topic', 'partition'] as const,
      registers,
    }),
    oldestOpenSeconds: new Gauge({
      name: 'cloudsync_oldest_open_seconds',
      help: "How long the oldest open workflow of a stream's records is open; 0 below 5 s; every 15 s",
      labelNames: ['stream'] as const,
      registers,
    }),
    stuckWorkflows: new Gauge({
      name: 'cloudsync_stuck_workflows',
      help: 'Workflows whose workflow task fails again and again, of the 20 oldest that are open',
      labelNames: ['stream'] as const,
      registers,
    }),
    braked: new Gauge({
      name: 'cloudsync_braked',
      help: '1 while a stream is braked because too many of its records were dead-lettered, else 0',
      labelNames: ['stream'] as const,
      registers,
    }),
    paused: new Gauge({
      name: 'cloudsync_paused',
      help: '1 while a stream is paused by an operator, else 0',
      labelNames: ['stream'] as const,
      registers,
    }),
    stalled: new Gauge({
      name: 'cloudsync_stalled',
      help: '1 while a partition has work and makes no progress, else 0',
      labelNames: ['stream', 'topic', 'partition'] as const,
      registers,
    }),
    startSeconds: new Histogram({
      name: 'cloudsync_start_seconds',
      help: 'Time until the Temporal server acknowledged a workflow start; eager="false" costs a poll more',
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
      help: 'Records in each chunk that was started',
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
      help: 'Messages that layer recent remembers',
      labelNames: ['stream'] as const,
      registers,
    }),
    recentChecks: new Counter({
      name: 'cloudsync_recent_checks_total',
      help: 'Records checked against layer recent',
      labelNames: ['stream'] as const,
      registers,
    }),
    recentEvictions: new Counter({
      name: 'cloudsync_recent_evictions_total',
      help: 'Messages that layer recent forgot before their time, because its memory was full',
      labelNames: ['stream'] as const,
      registers,
    }),
    recentLockWaits: new Counter({
      name: 'cloudsync_recent_lock_waits_total',
      help: 'Duplicates that waited because a copy was in flight',
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
    startLimit: new Gauge({
      name: 'cloudsync_start_limit',
      help: 'Limit of workflow starts per second, once Temporal has refused some (RESOURCE_EXHAUSTED); +Inf: no limit',
      labelNames: ['stream'] as const,
      registers,
    }),
    idCollisions: new Counter({
      name: 'cloudsync_id_collisions_total',
      help: 'Workflow ids that already belonged to another record',
      labelNames: ['stream'] as const,
      registers,
    }),
    retries: new Counter({
      name: 'cloudsync_retries_total',
      help: 'Failed attempts at the sink that are retried, by class of error',
      labelNames: ['stream', 'error_type'] as const,
      registers,
    }),
    ingestRecords: new Counter({
      name: 'cloudsync_ingest_records_total',
      help: 'Messages over HTTP, by outcome: accepted, rejected, failed (not acknowledged)',
      labelNames: ['outcome'] as const,
      registers,
    }),
    ingestRequests: new Counter({
      name: 'cloudsync_ingest_requests_total',
      help: 'Requests to /v1/messages that were answered, by status',
      labelNames: ['status'] as const,
      registers,
    }),
    ingestQueueRecords: new Gauge({
      name: 'cloudsync_ingest_queue_records',
      help: 'Messages accepted over HTTP that the broker has not acknowledged yet',
      registers,
    }),
    ingestQueueBytes: new Gauge({
      name: 'cloudsync_ingest_queue_bytes',
      help: 'Bytes of the messages accepted over HTTP that the broker has not acknowledged yet',
      registers,
    }),
    ingestSeconds: new Histogram({
      name: 'cloudsync_ingest_seconds',
      help: 'Time from the head of a request with messages to its answer',
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    ingestBatchRecords: new Histogram({
      name: 'cloudsync_ingest_batch_records',
      help: 'Messages in each batch that the broker acknowledged',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000],
      registers,
    }),
  };
}

/**
 * Sets a stream's metrics to zero before anything has happened. A rate needs the value before the first
 * increase; without it, an alert would miss the first increase.
 */
export function startAtZero(metrics: Metrics, stream: string): void {
  for (const outcome of ['delivered', 'duplicate', 'dead_lettered', 'invalid', 'filtered']) {
    metrics.records.inc({ stream, outcome }, 0);
  }
  for (const layer of ['recent', 'workflow-id', 'sink']) {
    metrics.duplicates.inc({ stream, layer }, 0);
  }
  for (const reason of ['unavailable', 'resource_exhausted', 'deadline_exceeded']) {
    metrics.backoff.inc({ stream, reason }, 0);
  }
  for (const error_type of ['Transient', 'Throttled'])
    metrics.retries.inc({ stream, error_type }, 0);
  for (const eager of ['true', 'false']) metrics.startSeconds.zero({ stream, eager });
  metrics.deliverySeconds.zero({ stream });
  metrics.chunkRecords.zero({ stream });
  for (const counter of [
    metrics.recordsExpired,
    metrics.recentChecks,
    metrics.recentEvictions,
    metrics.recentLockWaits,
    metrics.rebalances,
    metrics.idCollisions,
  ]) {
    counter.inc({ stream }, 0);
  }
  metrics.inFlight.set({ stream }, 0);
  metrics.braked.set({ stream }, 0);
  metrics.paused.set({ stream }, 0);
  metrics.stuckWorkflows.set({ stream }, 0);
  metrics.oldestOpenSeconds.set({ stream }, 0);
  metrics.recentIds.set({ stream }, 0);
}

/**
 * Sets the counters of the HTTP producer to zero for the same reason: each outcome, and each status that it
 * may answer.
 */
export function startIngestAtZero(metrics: Metrics): void {
  for (const outcome of ['accepted', 'rejected', 'failed'])
    metrics.ingestRecords.inc({ outcome }, 0);
  for (const status of ['202', '207', '400', '401', '413', '500', '503']) {
    metrics.ingestRequests.inc({ status }, 0);
  }
}
