import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaErrorType, type EachBatchPayload, type GroupConsumer } from '../../kafka/kafka';
import {
  REBALANCE_TIMEOUT_MS,
  SESSION_TIMEOUT_MS,
  type GroupClient,
} from '../../kafka/group-client';
import { asGroupFault } from '../../kafka/group-fault';
import { errorMessage, UsageError } from '../../domain/errors';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { Lane } from '../lane';
import type { PartitionCounters } from '../partition/partition-counters';
import type { PartitionWindow, WindowLimits } from '../partition/partition-window';
import { lagIsUnknown, measureLag } from '../watch/measure-lag';
import type { WindowState } from '../watch/stall-cause';
import { Stalls, type StallCause } from '../watch/stalls';
import { BatchReader } from './batch-reader';
import { Commits, type CommitOffsets } from './commits';
import { FetchControl } from './fetch-control';
import { HeartbeatWatch } from './heartbeat-watch';
import { loadCommitted } from './load-committed';
import { PartitionWindows } from './partition-windows';

export interface ConsumeDependencies {
  stream: AnyStream;
  /** Kafka, as this member of the stream's group uses it. */
  group: GroupClient;
  metrics: Metrics;
  logger: Logger;
  limits?: WindowLimits;
  /** How many messages layer `recent` remembers. */
  recentIds(): number;
  /** Milliseconds without progress after which a partition counts as stalled. */
  stalledAfterMs: number;
  /** Whether the workflow exists that dead-letters an unreadable batch. `record` stands for the batch. */
  isStarted(record: KafkaRecord): Promise<boolean>;
  /** Says why a stalled partition makes no progress. */
  stallCause(window: WindowState): StallCause;
  /** Milliseconds of silence, while Kafka answers others, after which the consumer counts as dead. Default 60 s. */
  silentAfterMs?: number;
  /** Called when the consumer has failed and can't recover by itself. */
  onFatal(error: unknown): void;
}

const COMMIT_INTERVAL_MS = 500;
const LAG_INTERVAL_MS = 5_000;
/** The group has removed a consumer long before it is silent for this time. */
const SILENT_AFTER_MS = 4 * SESSION_TIMEOUT_MS;

/** This is a notice, not a fault, because a worker that stands by is as healthy as a worker with partitions. */
const SPARE =
  'no partition is assigned: the other bridge workers have them all, and this one stands by for theirs';

const TOPIC_FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED';

const LEAVE_DEADLINE_MS = 8_000;
/** How long a batch waits until its partition's committed offset is known. Then it is left, and fetched again. */
const LOADING_WAIT_MS = 200;

/**
 * Consumes the topic of one stream. It puts fetched records into a window for each partition, commits the watermarks
 * of the windows, and opens and revokes windows at a rebalance. The handler of batches never waits for a record, and
 * never throws.
 *
 * | State of the consumer                | `#joined` | `#joining` | `#commitOffsets` | Commits are sent |
 * | ------------------------------------ | --------- | ---------- | ---------------- | ---------------- |
 * | before the first join; after a crash | false     | any        | undefined        | no               |
 * | joined, before the first batch       | true      | 0          | undefined        | no               |
 * | joined                               | true      | 0          | set              | yes              |
 * | in a rebalance                       | true      | 1 or more  | either           | no               |
 *
 * `#stopping` may be true in each state. Batches are then ignored, and commits go on. `#measuring` is independent of
 * the state: it keeps two measurements of the lag from overlapping.
 */
export class StreamConsumer {
  readonly #windows: PartitionWindows;
  readonly #consumer: GroupConsumer;
  readonly #fetches: FetchControl;
  #memberId: string | undefined;
  /** How often the consumer has asked to join since it last knew its assignment; 0 while it knows the assignment. */
  #joining = 0;
  /** Commits for the current run of kafkajs's consumer. After a crash of that run, the function is void. */
  #commitOffsets: CommitOffsets | undefined;
  readonly #commits: Commits;
  #loading: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #starting: Promise<void> | undefined;
  /** Set by {@link start}, as is `#batches`. Before that no record arrives, because Kafka assigns no partition. */
  #lane!: Lane;
  #batches!: BatchReader;
  /** Aborts when this consumer accepts no more records. */
  readonly #stop = new AbortController();
  #joined = false;
  #lastHeartbeat = 0;
  #measuring = false;
  readonly #heartbeats: HeartbeatWatch;
  readonly #stalls: Stalls;

  constructor(private readonly deps: ConsumeDependencies) {
    const { stream, group, stalledAfterMs: afterMs, metrics, logger } = deps;
    const stalls = (this.#stalls = new Stalls({ stream, afterMs, metrics, logger }));
    const windows = (this.#windows = new PartitionWindows({ ...deps, stalls }));
    this.#commits = new Commits({
      stream,
      logger,
      stalls,
      windows: windows.byPartition,
      counters: windows.processCounters,
      recentIds: () => deps.recentIds(),
      // kafkajs adopts a new generation of the group a moment before it reports the assignment. The broker checks the
      // generation of a commit, not the partition's owner. So a commit in between could hit another member's partition.
      send: () => (this.#joining > 0 ? undefined : this.#commitOffsets),
      memberId: () => this.#memberId,
    });
    this.#heartbeats = new HeartbeatWatch(
      deps.silentAfterMs ?? SILENT_AFTER_MS,
      REBALANCE_TIMEOUT_MS,
    );
    this.#consumer = group.createConsumer({
      onJoining: () => this.#joining++,
      knownLog: (partition, offset) => windows.byPartition.get(partition)?.log.before(offset) ?? {},
      restarts: () => !this.#stopping,
    });
    this.#fetches = new FetchControl(this.#consumer, stream.topic, logger);
    this.#listen();
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Totals that belong to no partition of this process. */
  get processCounters(): PartitionCounters {
    return this.#windows.processCounters;
  }

  /** Joins the group, and gives the records to the lane. */
  start(lane: Lane): Promise<void> {
    this.#lane = lane;
    this.#batches = new BatchReader({
      ...this.deps,
      lane,
      windows: this.#windows,
      fetches: this.#fetches,
      offsets: this.deps.group.offsets,
      stopping: this.#stop.signal,
    });
    return (this.#starting = this.#join());
  }

  async #join(): Promise<void> {
    const { topic } = this.deps.stream;
    await this.#consumer.connect();
    // With `fromBeginning: false`, kafkajs would skip to the end of the log if the committed offset has expired.
    try {
      await this.#consumer.subscribe({ topic, fromBeginning: true });
    } catch (error) {
      if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      const fix = '"cloudsync topics create" makes it';
      throw new UsageError(`topic ${topic} does not exist: ${fix}`, { cause: error });
    }
    if (this.#stopping) return;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: (payload) => this.#onBatch(payload),
    });
    if (this.#stopping) return;
    this.#timers = [
      setInterval(() => void this.commit(), COMMIT_INTERVAL_MS),
      setInterval(
        () => void this.#measureLag(),
        Math.min(LAG_INTERVAL_MS, this.deps.stalledAfterMs / 2),
      ),
    ];
  }

  /** Accepts no more records. Heartbeats go on, so that this consumer keeps its partitions while work drains. */
  pause(): void {
    this.#stop.abort();
    if (this.#joined) this.#fetches.pauseAll();
  }

  /**
   * Commits what is finished, then leaves the group. Call {@link pause} and drain before. If Kafka does not answer
   * within 8 s, the promise resolves all the same: the group removes the consumer when its session has timed out, and
   * the next owner gets the uncommitted records again.
   */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timers.forEach((timer) => clearInterval(timer));
    const leave = async () => {
      // A consumer that joins after its disconnect would keep partitions without reading them.
      await this.#starting?.catch(() => undefined);
      await this.#loading;
      await this.commit();
      await this.#consumer.disconnect();
      await this.deps.group.offsets.close();
      return true;
    };
    if (!(await Promise.race([leave(), sleep(LEAVE_DEADLINE_MS, false, { ref: false })]))) {
      this.deps.logger.warn({ stream: this.deps.stream.name }, 'Kafka did not answer in time');
    }
  }

  /** Lets fetching resume, if the window has room. The lanes call this after a record has become committable. */
  finished(window: PartitionWindow): void {
    if (!window.paused || window.revoked || this.#stopping || !window.canResume) return;
    window.paused = false;
    if (!window.blocked) this.#fetches.resume([window.partition]);
  }

  /**
   * Returns the offset at which the window's first chunk begins: the end of the chain that the group has committed.
   *
   * 1. The next owner of the partition must find the same offset. So the offset must be committed.
   * 2. If the group has committed nothing on the partition, this function commits where its first batch began.
   * 3. The same holds if retention has deleted the committed offset, because the broker then holds no offset.
   *
   * Undefined if the partition is revoked, or the consumer stops.
   */
  async committedStart(window: PartitionWindow): Promise<number | undefined> {
    while (!window.revoked && !this.#stopping) {
      await this.#loading;
      const { initialOffset, initialChainEnd } = window;
      // The caller has records of the window, so a batch was read.
      const first = window.beginning!;
      const begin = initialChainEnd ?? initialOffset ?? first;
      if (initialOffset !== undefined) {
        if (first <= initialOffset) return begin;
        window.retainedFrom = first;
      }
      window.advanceTo(begin);
      await this.commit();
      // A lower commit only carried the note of a stall, before the first batch that could be read.
      if ((window.committed ?? -1) >= first) {
        window.initialChainEnd = begin;
        window.initialOffset = first;
      } else await sleep(COMMIT_INTERVAL_MS);
    }
    return undefined;
  }

  countersOf(partition: number): PartitionCounters {
    return this.#windows.countersOf(partition);
  }

  /** Why the consumer is no working member of its group; undefined if it is. */
  fault(): string | undefined {
    if (this.#stopping) return 'stopping';
    const right = this.#missingRight();
    if (right) return `waits for a right: Kafka answers ${right}`;
    if (!this.#joined) return 'has not joined its consumer group';
    const silence = Date.now() - this.#lastHeartbeat;
    return silence > SESSION_TIMEOUT_MS ? `no heartbeat for ${silence} ms` : undefined;
  }

  /** Kafka's error name if the consumer waits for a right: to join its group, or to read its topic. */
  #missingRight(): string | undefined {
    const forbidden = [...this.#windows.byPartition.values()].some(
      ({ blocked, fetchFault }) => blocked && fetchFault?.detail === TOPIC_FORBIDDEN,
    );
    return forbidden ? TOPIC_FORBIDDEN : this.#consumer.missingRight();
  }

  /** Tells people which partitions are stalled, and whether this worker stands by without a partition. */
  notices(): Record<string, string> {
    if (this.#stopping) return {};
    const spare = this.#joined && this.#windows.byPartition.size === 0;
    return {
      ...this.#stalls.describe(),
      ...(spare && { [`consumer ${this.deps.stream.name}`]: SPARE }),
    };
  }

  /** Commits every window whose offset or metadata has changed. */
  commit(): Promise<void> {
    return this.#commits.commit();
  }

  /** Handles the result of each fetch that moves a partition, even if it has no record for the stream. */
  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const window = this.#windows.byPartition.get(payload.batch.partition);
    if (this.#stopping || !window) return;
    this.#commitOffsets = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    if (!window.counters.loaded) await Promise.race([this.#loading, sleep(LOADING_WAIT_MS)]);
    if (!window.counters.loaded) return;
    await this.#batches.read(payload, window);
  }

  #listen(): void {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      // An error that a listener throws would end the consumer for good.
      try {
        const { memberId, memberAssignment } = payload as {
          memberId: string;
          memberAssignment: Record<string, number[]>;
        };
        this.#onJoin(memberId, memberAssignment[this.deps.stream.topic] ?? []);
      } catch (error) {
        this.deps.onFatal(error);
      }
    });
    this.#consumer.on(events.REBALANCING, () => void this.commit());
    this.#consumer.on(events.HEARTBEAT, () => {
      this.#lastHeartbeat = Date.now();
      this.#heartbeats.heard();
    });
    this.#consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
      this.#joined = false;
      this.#commitOffsets = undefined;
      this.#heartbeats.heard();
      if (this.#stopping) return;
      this.#logCrash(error, restart);
      if (restart) return;
      this.deps.onFatal(asGroupFault(error, this.deps.stream.groupId, SESSION_TIMEOUT_MS));
    });
  }

  #logCrash(error: Error, restart: boolean): void {
    const { stream, logger } = this.deps;
    // As after the start of a broker. The consumer joins by itself some moments later.
    const isLoading = restart && kafkaErrorType(error) === 'GROUP_LOAD_IN_PROGRESS';
    const fields = { stream: stream.name, error: errorMessage(error) };
    if (isLoading) logger.warn(fields, 'Kafka still loads the consumer group; it is joined again');
    else logger.error({ stream: stream.name, err: error, restart }, 'Kafka consumer crashed');
  }

  /** Handles a join. Kafka then gives every partition from its committed offset again, even if this member kept it. */
  #onJoin(memberId: string, partitions: number[]): void {
    const { stream, logger, metrics } = this.deps;
    this.#joined = true;
    this.#lastHeartbeat = Date.now();
    this.#heartbeats.heard();
    metrics.rebalances.inc({ stream: stream.name });
    logger.info({ stream: stream.name, memberId, partitions }, 'Joined the consumer group');
    // A window is kept only if no other member can have owned its partition, and moved the offset, since. That is
    // possible if this member has a new id, or if it has asked to join more than once and knows the last result only.
    const unbroken = memberId === this.#memberId && this.#joining <= 1;
    this.#joining = 0;
    const kept = new Set(unbroken ? partitions : []);
    this.#memberId = memberId;
    this.#windows.revokeExcept(kept);
    this.#lane.dropRevoked();
    // Kafka gives a partition that was kept from its last commit again.
    const windows = this.#windows.byPartition;
    for (const window of windows.values()) window.rejoin();
    if (this.#stopping) return;
    const added = partitions.filter((partition) => !windows.has(partition));
    for (const partition of added) this.#windows.open(partition);
    if (added.length > 0) {
      // kafkajs keeps pauses across rebalances. A pause may be left from an earlier time as owner of the partition.
      this.#fetches.resume(added);
      this.#loading = loadCommitted(this.deps.group, windows, this.#stop.signal, this.deps);
    }
  }

  async #measureLag(): Promise<void> {
    if (this.#measuring) return;
    this.#measuring = true;
    const { stream, logger } = this.deps;
    try {
      const ends = await this.deps.group.offsets.ends(stream.topic);
      if (this.#stopping) return;
      for (const [partition, window] of this.#windows.byPartition) {
        const end = ends.find((one) => one.partition === partition);
        if (end) measureLag(window, end.low, end.high, this.#stalls, this.deps);
        else lagIsUnknown(window, this.#stalls, this.deps);
      }
      this.#heartbeats.kafkaAnswered();
      const silentMs = this.#heartbeats.tooLong(this.#joining > 0);
      if (silentMs) {
        const message = `the consumer of ${stream.topic} is silent for ${silentMs} ms, and Kafka answers`;
        this.deps.onFatal(new Error(message));
      }
    } catch (error) {
      this.#heartbeats.kafkaIsAway();
      const fields = { stream: stream.name, error: errorMessage(error) };
      logger.debug(fields, 'Could not measure the lag');
    } finally {
      this.#measuring = false;
    }
  }
}
