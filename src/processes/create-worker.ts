import { setMaxListeners } from 'node:events';
import type { Worker } from '@temporalio/worker';
import { createDeadLetterWriter } from '../activities/dead-letters/dead-letter-writer';
import { connect, type Connections, type ConnectionSettings } from './connections';
import { Backoff } from '../bridge/starts/backoff';
import { createOwnWorkflowStarter } from '../bridge/chunk-lane/own-workflow';
import { holdsOf } from '../temporal/hold';
import { TemporalProbe } from '../temporal/probe';
import { RunningWorkflows } from '../bridge/starts/running-workflows';
import { Outcomes } from '../bridge/outcomes/outcomes';
import { createStartRate } from '../bridge/starts/start-rate';
import { createRecentLayer } from '../dedupe/recent-layer';
import type { AnyStream } from '../domain/stream/stream';
import { Releasers, type Service } from '../lib/lifecycle';
import type { Logger } from '../telemetry/logger';
import { createMetrics, startAtZero, type Metrics } from '../telemetry/metrics';
import { createBrake, OPEN_GATE } from '../bridge/brake/brake';
import { createReplayActivity } from './replay-activity';
import { createStreamWorkers } from './stream-worker';
import type { Tracing } from '../telemetry/tracing';

/** Options of {@link createWorker}. */
export interface WorkerOptions extends ConnectionSettings {
  /** The streams whose records the process delivers; names and consumer groups must differ. */
  streams: AnyStream[];
  /** A logger of pino, as {@link createLogger} makes it. */
  logger: Logger;
  /** Default: new metrics, which no endpoint shows. */
  metrics?: Metrics;
  /** Default: no spans. */
  tracing?: Tracing | undefined;
}

/**
 * Starts Temporal workers for the streams, without a Kafka consumer. They add capacity for retries, and continue the
 * workflows of a bridge worker that died. Resolves when the workers poll. Rejects if a server can't be reached;
 * everything is then closed, including the sinks.
 */
export async function createWorker(options: WorkerOptions): Promise<Service> {
  const { streams, logger, metrics = createMetrics(), tracing } = options;
  for (const { name } of streams) startAtZero(metrics, name);
  const releasers = new Releasers();
  try {
    for (const { sink } of streams) releasers.push(() => sink.close?.());
    const connections = await connect(options, logger);
    releasers.push(() => connections.close());
    const deadLetters = createDeadLetterWriter(connections.producer, connections.reader, tracing);
    const { client, connection } = connections.temporal;
    const running = new RunningWorkflows(client, logger);
    const stopping = new AbortController();
    setMaxListeners(0, stopping.signal);
    releasers.push(() => {
      stopping.abort();
      running.stop();
    });
    const workers = await allOrNone(
      streams.flatMap((stream) => {
        const { signal } = stopping;
        const brake = createBrake(stream, client, metrics, logger);
        releasers.push(() => brake?.stop());
        const gate = brake ?? OPEN_GATE;
        const backoff = new Backoff();
        const rate = createStartRate(stream, metrics);
        const start = { client, stream, running, backoff, gate, rate, metrics, logger, signal };
        const outcomes = new Outcomes({ stream, metrics, logger, brake, running });
        const { recent, idempotency } = createRecentLayer(stream, logger);
        releasers.push(() => idempotency.close());
        return createStreamWorkers({
          stream,
          deadLetters,
          holds: holdsOf(client, stream),
          events: outcomes.ofRecords,
          tracing,
          chunks: {
            events: outcomes.ofChunks,
            reader: connections.reader,
            startOwnWorkflow: createOwnWorkflowStarter(start),
            recent,
          },
          running,
          outcomes,
          connection,
          namespace: connections.namespace,
          temporal: options.temporal,
          replay: createReplayActivity(stream, client, options.kafka, logger),
        });
      }),
    );
    const all = runWorkers(workers, createProbe(connections, releasers));
    let stopped: Promise<void> | undefined;
    return {
      faults: () => all.faults(),
      ended: all.ended,
      stop: () => (stopped ??= all.stop().finally(() => releasers.release())),
    };
  } catch (error) {
    await releasers.abandon(logger);
    throw error;
  }
}

export interface RunningWorkers {
  ended: Promise<void>;
  stop(): Promise<void>;
  faults(): Record<string, string>;
}

export function createProbe(connections: Connections, releasers: Releasers): TemporalProbe {
  const probe = new TemporalProbe(connections.temporal.client, connections.namespace);
  releasers.push(() => probe.stop());
  return probe;
}

/**
 * Resolves when all of the workers are made. If one can't be made, the others run for a moment, because a worker
 * releases its connection only after it has run.
 */
export async function allOrNone(making: Promise<Worker>[]): Promise<Worker[]> {
  const results = await Promise.allSettled(making);
  const workers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = results.find((one) => one.status === 'rejected');
  if (!failed) return workers;
  const runs = workers.map((worker) => {
    const run = worker.run();
    worker.shutdown();
    return run;
  });
  await Promise.allSettled(runs);
  throw failed.reason;
}

/** Runs the Temporal workers of all streams. `ended` rejects if one of the workers fails. */
export function runWorkers(workers: Worker[], probe: Pick<TemporalProbe, 'fault'>): RunningWorkers {
  const runs = workers.map((worker) => worker.run());
  const ended = Promise.all(runs).then(() => undefined);
  return {
    ended,
    async stop() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      const results = await Promise.allSettled(runs);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
    faults() {
      const faults = workers.map((worker): [string, string] => [
        `worker ${worker.options.taskQueue}`,
        worker.getState(),
      ]);
      const temporal = probe.fault();
      return {
        ...Object.fromEntries(faults.filter(([, state]) => state !== 'RUNNING')),
        ...(temporal && { temporal }),
      };
    },
  };
}
