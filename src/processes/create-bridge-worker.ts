import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeadLetterWriter } from '../activities/dead-letters/dead-letter-writer';
import { Backoff } from '../bridge/starts/backoff';
import { ChunkLane } from '../bridge/chunk-lane/chunk-lane';
import { StreamConsumer } from '../bridge/consumer/stream-consumer';
import { RecordLane } from '../bridge/record-lane/record-lane';
import { GroupWatch } from '../bridge/consumer/group-watch';
import { createHandOn } from '../bridge/chunk-lane/hand-on';
import { ChunkMemory } from '../bridge/chunk-lane/chunk-memory';
import type { PartitionCounters } from '../bridge/partition/partition-counters';
import { RunningWorkflows } from '../bridge/starts/running-workflows';
import { OpenWatch } from '../bridge/watch/open-watch';
import type { WindowLimits, WindowEntry } from '../bridge/partition/partition-window';
import { RecordEnds } from '../bridge/outcomes/record-ends';
import { checkRetention } from '../bridge/consumer/retention-check';
import { createRecentLayer } from '../dedupe/recent-layer';
import { createStartRate } from '../bridge/starts/start-rate';
import { isUnreadableStarted } from '../bridge/starts/start-workflow';
import { SinkCheck } from '../bridge/watch/sink-check';
import { stallCause } from '../bridge/watch/stall-cause';
import { connect, type Connections } from './connections';
import { holdsOf } from '../temporal/hold';
import { allOrNone, createProbe, runWorkers, type WorkerOptions } from './create-worker';
import { chunkEvents, deliveryEvents } from '../bridge/outcomes/delivery-events';
import { checkDistinct, type AnyStream, type ChunkLimits } from '../domain/stream/stream';
import { Releasers, type Service } from '../lib/lifecycle';
import { createMetrics, startAtZero } from '../telemetry/metrics';
import { createStreamBrake } from '../bridge/brake/stream-brake';
import { createStreamWorkers } from './stream-worker';

export interface BridgeWorkerOptions extends WorkerOptions {
  /** Milliseconds without progress after which a partition with work is called stalled. Default 60,000. */
  stalledAfterMs?: number;
}

const STALLED_AFTER_MS = 60_000;

/** How long a stop waits for records in their first workflow task. */
const DRAIN_DEADLINE_MS = 8_000;

/**
 * One process of the bridge: for each stream a Kafka consumer and a Temporal worker, on one shared
 * connection, so that workflows start in the process that consumed their record. Resolves when each stream
 * consumes, or waits for its sink; rejects when a server can't be reached, and has then closed everything,
 * the sinks included.
 */
export async function createBridgeWorker(options: BridgeWorkerOptions): Promise<Service> {
  const { streams, logger } = options;
  checkDistinct(streams);
  const metrics = options.metrics ?? createMetrics();
  for (const { name } of streams) startAtZero(metrics, name);
  const releasers = new Releasers();
  try {
    for (const { sink } of streams) releasers.push(() => sink.close?.());
    const connections = await connect(options, logger);
    releasers.push(() => connections.close());
    let fail: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    // Also before anybody waits for it.
    failed.catch(() => undefined);
    const bridges = streams.map((stream) => {
      const onFatal = (error: unknown) => fail(error);
      const bridge = createStreamBridge(stream, { ...options, metrics }, connections, onFatal);
      // After the workers have stopped: until then chunks in work may have records to hand on.
      releasers.push(() => bridge.end());
      return bridge;
    });
    const workers = await allOrNone(bridges.flatMap((bridge) => bridge.createWorkers()));
    const running = runWorkers(workers, createProbe(connections, releasers));
    releasers.push(() => running.stop());
    running.ended.catch(fail);
    // Consume before drain: what a bridge has fetched, its own worker delivers.
    for (const bridge of bridges) {
      releasers.push(() => bridge.leave());
      await Promise.race([bridge.start(), failed]);
    }
    let stopped: Promise<void> | undefined;
    const stop = () =>
      (stopped ??= Promise.allSettled(bridges.map((bridge) => bridge.drain())).then(() =>
        releasers.release(),
      ));
    return {
      stop,
      ended: Promise.race([failed, running.ended.then(() => stopped)]),
      faults: () =>
        Object.assign(running.faults(), ...bridges.map((bridge) => bridge.faults())) as Record<
          string,
          string
        >,
      notices: () =>
        Object.assign({}, ...bridges.map((bridge) => bridge.notices())) as Record<string, string>,
    };
  } catch (error) {
    await releasers.abandon(logger);
    throw error;
  }
}

/** Room for the chunks of a partition that come next while one is started. */
function windowLimits({ maxRecords, maxBytes }: ChunkLimits): WindowLimits {
  return { records: 4 * maxRecords, bytes: 4 * maxBytes };
}

/** The parts of one stream, wired to each other. */
function createStreamBridge(
  stream: AnyStream,
  options: BridgeWorkerOptions & { metrics: ReturnType<typeof createMetrics> },
  connections: Connections,
  onFatal: (error: unknown) => void,
) {
  const { metrics, logger, tracing } = options;
  const { client, connection } = connections.temporal;
  const stopping = new AbortController();
  const ended = new AbortController();
  // Every start that waits for Temporal listens to one; Node takes more than ten for a leak.
  setMaxListeners(0, stopping.signal, ended.signal);
  const { recent, idempotency } = createRecentLayer(stream, logger);
  const open = new RunningWorkflows(client, logger);
  const backoff = new Backoff();
  const held = new ChunkMemory();
  const braking = createStreamBrake(stream, client, metrics, logger);
  const { gate, brake } = braking;
  const rate = createStartRate(stream, metrics);
  const { signal } = stopping;
  const start = { client, stream, open, backoff, gate, rate, metrics, logger, signal };
  const countersOf = (partition: number): PartitionCounters => consumer.countersOf(partition);
  const handOn = createHandOn({ ...start, signal: ended.signal });
  const ends = new RecordEnds({ stream, metrics, brake: braking, open, countersOf });
  const onFinished = ({ window }: WindowEntry) => consumer.finished(window);
  const decodeFailures = new Map<number, string>();
  const common = { stream, start, metrics, logger, onFinished, onFatal };
  const { execution } = stream;
  const dispatcher =
    execution.lane === 'record'
      ? new RecordLane({ ...common, recent, decodeFailures })
      : new ChunkLane({
          ...common,
          limits: execution,
          held,
          handOn,
          base: (window): Promise<number | undefined> => consumer.committedStart(window),
        });
  const consumer: StreamConsumer = new StreamConsumer({
    stream,
    ...(execution.lane === 'chunk' && { limits: windowLimits(execution) }),
    kafka: options.kafka,
    metrics,
    logger,
    recentIds: () => idempotency.stats().size,
    stalledAfterMs: options.stalledAfterMs ?? STALLED_AFTER_MS,
    stallCause: (window) =>
      stallCause(stream, window, {
        ...{ backoff, rate, open, decodeFailures },
        braked: brake?.active ?? false,
      }),
    isStarted: (record) => isUnreadableStarted({ client, stream }, record),
    onRecords: (entries) => dispatcher.push(entries),
    onLost: () => dispatcher.dropLost(),
    onFatal,
  });
  const sinkCheck = new SinkCheck(stream, logger);
  const group = new GroupWatch(stream, options.kafka, logger);
  const watch = new OpenWatch(stream, client, metrics, logger);
  let evictedBefore = 0;
  const gauges = setInterval(() => {
    const { size, evicted } = idempotency.stats();
    metrics.inFlight.set({ stream: stream.name }, open.size);
    metrics.recentIds.set({ stream: stream.name }, size);
    if (evicted === evictedBefore) return;
    consumer.processCounters.add('evictions', evicted - evictedBefore);
    metrics.recentEvictions.inc({ stream: stream.name }, evicted - evictedBefore);
    evictedBefore = evicted;
  }, 1_000).unref();

  return {
    createWorkers: () =>
      createStreamWorkers({
        stream,
        connection,
        namespace: connections.namespace,
        temporal: options.temporal,
        deadLetters: createDeadLetterWriter(connections.producer, connections.reader, tracing),
        holds: holdsOf(client, stream),
        tracing,
        events: deliveryEvents(metrics, logger, countersOf, brake),
        chunks: {
          events: chunkEvents(stream.name, metrics, logger, countersOf, brake, decodeFailures),
          reader: connections.reader,
          startOwnWorkflow: handOn,
          remembered: held,
          recent,
        },
        running: open,
        ends,
      }),

    /** Resolves when the stream consumes, or when its sink keeps it waiting: other streams do not wait for that. */
    async start() {
      const consuming = sinkCheck.passed(signal).then(async () => {
        await consumer.start();
        // A stream whose sink kept it waiting may be stopped while it joins.
        if (signal.aborted) return;
        group.start();
        watch.start();
        const { namespace } = connections;
        void checkRetention(stream, options.kafka, { client, namespace }, logger);
      });
      const failed = consuming.catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      failed.catch(onFatal);
      await Promise.race([failed, sinkCheck.held]);
    },

    /** Takes no more records and lets those in work end, so that little is delivered twice. */
    async drain() {
      consumer.pause();
      stopping.abort();
      const deadline = Date.now() + DRAIN_DEADLINE_MS;
      await Promise.race([dispatcher.stop(), sleep(DRAIN_DEADLINE_MS, undefined, { ref: false })]);
      while (dispatcher.inFlightCount > 0 && Date.now() < deadline) await sleep(20);
    },

    /** Commits and leaves the group. What is open still belongs to Temporal, not to this process. */
    async leave() {
      group.stop();
      watch.stop();
      // Without a drain before it where a start has failed.
      stopping.abort();
      void dispatcher.stop();
      await consumer.stop();
    },

    end() {
      clearInterval(gauges);
      ended.abort();
      open.stop();
      braking.stop();
      idempotency.close();
    },

    notices: () => ({
      ...braking.notices(),
      ...consumer.notices(),
      ...group.notices(),
      ...watch.notices(),
    }),

    faults(): Record<string, string> {
      const sinkFault = sinkCheck.fault();
      if (sinkFault !== undefined) return { [`sink ${stream.name}`]: sinkFault };
      const fault = consumer.fault();
      const unread = group.fault();
      return {
        ...(fault && { [`consumer ${stream.name}`]: fault }),
        ...(unread && { [`group ${stream.name}`]: unread }),
        ...(backoff.active && { [`temporal ${stream.name}`]: 'does not take workflow starts' }),
      };
    },
  };
}
