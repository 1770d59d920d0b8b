import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from '@temporalio/worker';
import { createDeadLetterWriter } from '../activities/dead-letters/dead-letter-writer';
import { createBrake, OPEN_GATE, type Brake } from '../bridge/brake/brake';
import { Pause } from '../bridge/brake/pause';
import { ChunkLane } from '../bridge/chunk-lane/chunk-lane';
import { ChunkMemory } from '../bridge/chunk-lane/chunk-memory';
import { createOwnWorkflowStarter } from '../bridge/chunk-lane/own-workflow';
import { GroupWatch } from '../bridge/consumer/group-watch';
import { checkRetention } from '../bridge/consumer/retention-check';
import { StreamConsumer } from '../bridge/consumer/stream-consumer';
import type { Lane } from '../bridge/lane';
import { Outcomes } from '../bridge/outcomes/outcomes';
import type { WindowLimits } from '../bridge/partition/partition-window';
import { RecordLane } from '../bridge/record-lane/record-lane';
import { Backoff } from '../bridge/starts/backoff';
import { RunningWorkflows } from '../bridge/starts/running-workflows';
import { createStartRate, type StartRate } from '../bridge/starts/start-rate';
import { isUnreadableStarted } from '../bridge/starts/start-workflow';
import { OpenWatch } from '../bridge/watch/open-watch';
import { SinkCheck } from '../bridge/watch/sink-check';
import { stallCause } from '../bridge/watch/stall-cause';
import { createRecentLayer } from '../dedupe/recent-layer';
import type { AnyStream, ChunkLimits } from '../domain/stream/stream';
import { createGroupClient } from '../kafka/group-client';
import type { Metrics } from '../telemetry/metrics';
import { holdsOf } from '../temporal/hold';
import type { Connections } from './connections';
import type { WorkerOptions } from './create-worker';
import { createReplayActivity } from './replay-activity';
import { createStreamWorkers } from './stream-worker';

/** Options of `createBridgeWorker`. */
export interface BridgeWorkerOptions extends WorkerOptions {
  /** Milliseconds without progress after which a partition with work is called stalled. Default 60,000. */
  stalledAfterMs?: number;
}

const STALLED_AFTER_MS = 60_000;
const GAUGES_INTERVAL_MS = 1_000;

/** How long a stop waits for records in their first workflow task. */
const DRAIN_DEADLINE_MS = 8_000;

/** A window has room for the next chunks of its partition while one chunk is started. */
function windowLimits({ maxRecords, maxBytes }: ChunkLimits): WindowLimits {
  return { records: 4 * maxRecords, bytes: 4 * maxBytes };
}

/**
 * Joins the parts of one stream in one bridge worker. A record passes through them in this order:
 *
 * 1. The consumer puts the record into the window of its partition.
 * 2. The lane starts the record's workflow.
 * 3. The stream's Temporal workers run the workflow.
 * 4. The outcomes count how the record ended.
 */
export class StreamBridge {
  readonly #consumer: StreamConsumer;
  readonly #lane: Lane;
  readonly #running: RunningWorkflows;
  readonly #backoff = new Backoff();
  readonly #rate: StartRate;
  readonly #brake: Brake | undefined;
  readonly #pause: Pause;
  readonly #recent: ReturnType<typeof createRecentLayer>;
  readonly #sinkCheck: SinkCheck;
  readonly #group: GroupWatch;
  readonly #openWatch: OpenWatch;
  /** By partition: why its records can't be decoded for now. */
  readonly #decodeFailures = new Map<number, string>();
  /** Aborts when the lane must start nothing more. */
  readonly #stopping = new AbortController();
  /** Aborts when the workers have stopped, because until then a record may leave its chunk. */
  readonly #ended = new AbortController();
  readonly #gauges: NodeJS.Timeout;
  #evictedBefore = 0;
  readonly createWorkers: () => Promise<Worker>[];

  constructor(
    private readonly stream: AnyStream,
    private readonly options: BridgeWorkerOptions & { metrics: Metrics },
    private readonly connections: Connections,
    private readonly onFatal: (error: unknown) => void,
  ) {
    const { metrics, logger, tracing, kafka } = options;
    const { namespace, reader, producer } = connections;
    const { client, connection } = connections.temporal;
    // Each start that waits for Temporal listens to one of these signals. Node calls more than ten listeners a leak.
    setMaxListeners(0, this.#stopping.signal, this.#ended.signal);
    this.#sinkCheck = new SinkCheck(stream, logger);
    this.#group = new GroupWatch(stream, kafka, logger);
    this.#openWatch = new OpenWatch(stream, client, metrics, logger);
    this.#recent = createRecentLayer(stream, logger);
    this.#running = new RunningWorkflows(client, logger);
    this.#rate = createStartRate(stream, metrics);
    const brake = (this.#brake = createBrake(stream, client, metrics, logger));
    const gate = brake ?? OPEN_GATE;
    const pause = (this.#pause = new Pause({ client, stream, metrics, logger, gate }));
    const { execution } = stream;
    const consumer = (this.#consumer = new StreamConsumer({
      ...{ stream, metrics, logger, onFatal },
      group: createGroupClient(kafka, stream, logger),
      ...(execution.lane === 'chunk' && { limits: windowLimits(execution) }),
      stalledAfterMs: options.stalledAfterMs ?? STALLED_AFTER_MS,
      recentIds: () => this.#recent.idempotency.stats().size,
      stallCause: (window) =>
        stallCause(stream, window, {
          ...{ backoff: this.#backoff, rate: this.#rate, running: this.#running },
          ...{ paused: pause.active, braked: brake?.active ?? false },
          decodeFailures: this.#decodeFailures,
        }),
      isStarted: (record) => isUnreadableStarted({ client, stream }, record),
    }));
    const { recent } = this.#recent;
    const decodeFailures = this.#decodeFailures;
    const outcomes = new Outcomes({
      ...{ stream, metrics, logger, brake, consumer, decodeFailures },
      running: this.#running,
    });
    const start = {
      ...{
        client,
        stream,
        gate: pause,
        metrics,
        logger,
        signal: this.#stopping.signal,
      },
      ...{ running: this.#running, backoff: this.#backoff, rate: this.#rate },
    };
    // A record that leaves its chunk is under way already, so a pause does not keep it.
    const startOwnWorkflow = createOwnWorkflowStarter({
      ...start,
      gate,
      signal: this.#ended.signal,
    });
    const remembered = new ChunkMemory();
    const common = { stream, start, outcomes, consumer, metrics, logger, onFatal };
    this.#lane =
      execution.lane === 'record'
        ? new RecordLane({ ...common, recent, decodeFailures })
        : new ChunkLane({ ...common, limits: execution, remembered, startOwnWorkflow });
    this.createWorkers = () =>
      createStreamWorkers({
        ...{ stream, connection, namespace, tracing, outcomes },
        temporal: options.temporal,
        deadLetters: createDeadLetterWriter(producer, reader, tracing),
        holds: holdsOf(client, stream),
        events: outcomes.ofRecords,
        chunks: { events: outcomes.ofChunks, reader, startOwnWorkflow, remembered, recent },
        running: this.#running,
        replay: createReplayActivity(stream, client, kafka, logger),
      });
    this.#gauges = setInterval(() => this.#setGauges(), GAUGES_INTERVAL_MS).unref();
  }

  #setGauges(): void {
    const { metrics } = this.options;
    const { name: stream } = this.stream;
    const { size, evicted } = this.#recent.idempotency.stats();
    metrics.inFlight.set({ stream }, this.#running.size);
    metrics.recentIds.set({ stream }, size);
    if (evicted === this.#evictedBefore) return;
    const more = evicted - this.#evictedBefore;
    this.#consumer.processCounters.add('evictions', more);
    metrics.recentEvictions.inc({ stream }, more);
    this.#evictedBefore = evicted;
  }

  /** Resolves when the stream consumes, or when it waits for its sink, because other streams do not wait for that. */
  async start(): Promise<void> {
    const { signal } = this.#stopping;
    const consuming = this.#sinkCheck.passed(signal).then(() => this.#consume());
    const failed = consuming.catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    failed.catch((error: unknown) => this.onFatal(error));
    await Promise.race([failed, this.#sinkCheck.held]);
  }

  async #consume(): Promise<void> {
    await this.#consumer.start(this.#lane);
    // If the stream waited for its sink, it may be stopped while it joins.
    if (this.#stopping.signal.aborted) return;
    this.#group.start();
    this.#openWatch.start();
    const { kafka, logger } = this.options;
    const { namespace, temporal } = this.connections;
    void checkRetention(this.stream, kafka, { client: temporal.client, namespace }, logger);
  }

  /** Accepts no more records and lets those in work end, so that few records are delivered twice. */
  async drain(): Promise<void> {
    this.#consumer.pause();
    this.#stopping.abort();
    const deadline = Date.now() + DRAIN_DEADLINE_MS;
    await Promise.race([this.#lane.stop(), sleep(DRAIN_DEADLINE_MS, undefined, { ref: false })]);
    while (this.#lane.inFlightCount > 0 && Date.now() < deadline) await sleep(20);
  }

  /** Commits and leaves the group. Running workflows belong to Temporal, not to this process. */
  async leave(): Promise<void> {
    this.#group.stop();
    this.#openWatch.stop();
    // If the start of a stream has failed, there was no drain.
    this.#stopping.abort();
    void this.#lane.stop();
    await this.#consumer.stop();
  }

  end(): void {
    clearInterval(this.#gauges);
    this.#ended.abort();
    this.#running.stop();
    this.#brake?.stop();
    this.#pause.stop();
    this.#recent.idempotency.close();
  }

  notices(): Record<string, string> {
    return {
      ...this.#brake?.notices(),
      ...this.#pause.notices(),
      ...this.#consumer.notices(),
      ...this.#group.notices(),
      ...this.#openWatch.notices(),
    };
  }

  faults(): Record<string, string> {
    const { name } = this.stream;
    const sinkFault = this.#sinkCheck.fault();
    if (sinkFault !== undefined) return { [`sink ${name}`]: sinkFault };
    const fault = this.#consumer.fault();
    const unread = this.#group.fault();
    return {
      ...(fault && { [`consumer ${name}`]: fault }),
      ...(unread && { [`group ${name}`]: unread }),
      ...(this.#backoff.active && { [`temporal ${name}`]: 'does not take workflow starts' }),
    };
  }
}
