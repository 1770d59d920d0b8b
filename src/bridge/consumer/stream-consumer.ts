import { setTimeout as sleep } from 'node:timers/promises';
import {
  createConsumer,
  createKafka,
  fetchedBatch,
  kafkaErrorType,
  type EachBatchPayload,
  type FetchedBatch,
  type GroupConsumer,
  type Kafka,
  type KafkaSettings,
} from '../../kafka/kafka';
import { createOffsetReader, type OffsetReader } from '../../kafka/offsets';
import { asGroupFault } from '../../kafka/group-fault';
import { errorMessage, UsageError } from '../../domain/errors';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { recordOfUnreadable, type DecodedRecords } from '../../kafka/records/record-set';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { Lane } from '../lane';
import { Commits, type CommitOffsets } from './commits';
import { changedFrom, expectedOffset, checkFetch, LOST_END } from './fetch-check';
import { PartitionCounters } from '../partition/partition-counters';
import { loadCommitted } from './load-committed';
import { lagIsUnknown, measureLag } from '../watch/measure-lag';
import { PartitionWindow, type FetchFault, type WindowLimits } from '../partition/partition-window';
import { ReadLog } from '../partition/read-log';
import { HeartbeatWatch } from './heartbeat-watch';
import type { WindowState } from '../watch/stall-cause';
import { Stalls, type StallCause } from '../watch/stalls';

export interface ConsumeDependencies {
  stream: AnyStream;
  kafka: KafkaSettings;
  metrics: Metrics;
  logger: Logger;
  limits?: WindowLimits;
  /** Reads where the log of each partition begins and ends. Default: a reader that asks Kafka. */
  offsets?: OffsetReader;
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
/** How long the group keeps the partitions of a killed bridge worker assigned to it. */
const SESSION_TIMEOUT_MS = 15_000;
/** How long a join may wait for the other members of the group. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** The group has removed a consumer long before it is silent for this time. */
const SILENT_AFTER_MS = 4 * SESSION_TIMEOUT_MS;

/** This is a notice, not a fault, because a worker that stands by is as healthy as a worker with partitions. */
const SPARE =
  'no partition is assigned: the other bridge workers have them all, and this one stands by for theirs';

/** How long it takes until partitions that were added to the topic are read. Kafka's own client takes five minutes. */
const METADATA_MAX_AGE_MS = 30_000;

const TOPIC_FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED';

const LEAVE_DEADLINE_MS = 8_000;
/** How long a batch waits until its partition's committed offset is known. Then it is left, and fetched again. */
const LOADING_WAIT_MS = 200;

/** The size of a window, which is in memory. The records behind it stay in Kafka. */
const DEFAULT_LIMITS: WindowLimits = { records: 1_000, bytes: 8 * 1024 * 1024 };

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
 * `#stopping` may be set in each state. Batches are then ignored, and commits go on. `#measuring` is independent of
 * the state: it keeps two measurements of the lag from overlapping.
 */
export class StreamConsumer {
  readonly #windows = new Map<number, PartitionWindow>();
  /**
   * Totals that belong to no partition of this process, and what revoked partitions still count. The next commit moves
   * them into a partition's counters.
   */
  readonly processCounters = new PartitionCounters();
  readonly #kafka: Kafka;
  readonly #offsets: OffsetReader;
  readonly #consumer: GroupConsumer;
  #memberId: string | undefined;
  /** How often the consumer has asked to join since it last knew its assignment; 0 while it knows the assignment. */
  #joining = 0;
  /** Commits for the current run of kafkajs's consumer. After a crash of that run, the function is void. */
  #commitOffsets: CommitOffsets | undefined;
  readonly #commits: Commits;
  #loading: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #starting: Promise<void> | undefined;
  /** Set by {@link start}. Before that no record arrives, because Kafka assigns no partition. */
  #lane!: Lane;
  #stopping = false;
  #joined = false;
  #lastHeartbeat = 0;
  #measuring = false;
  readonly #heartbeats: HeartbeatWatch;
  readonly #stalls: Stalls;

  constructor(private readonly deps: ConsumeDependencies) {
    const { stream, stalledAfterMs: afterMs, metrics, logger } = deps;
    this.#stalls = new Stalls({ stream, afterMs, metrics, logger });
    this.#commits = new Commits({
      stream,
      logger,
      windows: this.#windows,
      counters: this.processCounters,
      stalls: this.#stalls,
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
    // Each consumer has a client of its own, because kafkajs shares committed offsets between consumers of one client.
    this.#kafka = createKafka(deps.kafka, deps.logger);
    this.#offsets = deps.offsets ?? createOffsetReader(this.#kafka, { partial: true });
    this.#consumer = createConsumer(
      this.#kafka,
      {
        groupId: deps.stream.groupId,
        sessionTimeout: SESSION_TIMEOUT_MS,
        heartbeatInterval: 3_000,
        rebalanceTimeout: REBALANCE_TIMEOUT_MS,
        minBytes: 1,
        // If every partition is paused, kafkajs sleeps for this time before it looks again.
        maxWaitTimeInMs: 200,
        maxBytesPerPartition: 1024 * 1024,
        metadataMaxAge: METADATA_MAX_AGE_MS,
        retry: { restartOnFailure: () => Promise.resolve(!this.#stopping) },
      },
      () => this.#joining++,
      (partition, offset) => this.#windows.get(partition)?.log.before(offset) ?? {},
    );
    this.#listen();
  }

  /** Joins the group, and gives the records to the lane. */
  start(lane: Lane): Promise<void> {
    this.#lane = lane;
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
    this.#stopping = true;
    // The whole topic is paused, because that includes partitions that are assigned later.
    const { topic } = this.deps.stream;
    if (this.#joined) this.#unlessCrashed(() => this.#consumer.pause([{ topic }]));
  }

  /**
   * Commits what is finished, then leaves the group. Call {@link pause} and drain before. If Kafka does not answer
   * within 8 s, the promise resolves all the same: the group removes the consumer when its session has timed out, and
   * the next owner gets the uncommitted records again.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.forEach((timer) => clearInterval(timer));
    const leave = async () => {
      // A consumer that joins after its disconnect would keep partitions without reading them.
      await this.#starting?.catch(() => undefined);
      await this.#loading;
      await this.commit();
      await this.#consumer.disconnect();
      await this.#offsets.close();
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
    if (!window.blocked) this.#resume([window.partition]);
  }

  #resume(partitions: number[]): void {
    const { topic } = this.deps.stream;
    this.#unlessCrashed(() => this.#consumer.resume([{ topic, partitions }]));
  }

  /**
   * Ignores that kafkajs refuses the call between a crash and its restart. Then kafkajs has no group and fetches
   * nothing, so the call is not needed: the join that follows starts every partition again.
   */
  #unlessCrashed(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.deps.logger.debug({ error: errorMessage(error) }, 'The consumer has just crashed');
    }
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
      const { initialOffset, initialChain } = window;
      // The caller has records of the window, so a batch was read.
      const first = window.beginning!;
      const begin = initialChain ?? initialOffset ?? first;
      if (initialOffset !== undefined) {
        if (first <= initialOffset) return begin;
        window.retainedFrom = first;
      }
      window.advanceTo(begin);
      await this.commit();
      // A lower commit only carried the note of a stall, before the first batch that could be read.
      if ((window.committed ?? -1) >= first) {
        window.initialChain = begin;
        window.initialOffset = first;
      } else await sleep(COMMIT_INTERVAL_MS);
    }
    return undefined;
  }

  countersOf(partition: number): PartitionCounters {
    return this.#windows.get(partition)?.counters ?? this.processCounters;
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
    const forbidden = [...this.#windows.values()].some(
      ({ blocked, fetchFault }) => blocked && fetchFault?.detail === TOPIC_FORBIDDEN,
    );
    return forbidden ? TOPIC_FORBIDDEN : this.#consumer.missingRight();
  }

  /** Tells people which partitions are stalled, and whether this worker stands by without a partition. */
  notices(): Record<string, string> {
    if (this.#stopping) return {};
    const spare = this.#joined && this.#windows.size === 0;
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
    const batch = fetchedBatch(payload);
    const { topic, partition, fetchOffset } = batch;
    let window = this.#windows.get(partition);
    if (this.#stopping || !window) return;
    this.#commitOffsets = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    if (!window.counters.loaded) await Promise.race([this.#loading, sleep(LOADING_WAIT_MS)]);
    if (!window.counters.loaded) return;
    if (batch.failure) return this.#waitFor(window, 'fetch_failing', batch.failure);
    const verdict = await checkFetch(window, batch, this.#offsets, this.deps);
    // The partition may have been revoked during the check. A batch whose offset is not resolved is fetched again.
    if (this.#stopping || this.#windows.get(partition) !== window) return;
    if (verdict === 'stale' || verdict === 'unknown') return;
    if (verdict === 'beyond') {
      const offset = String(expectedOffset(window));
      return this.#unlessCrashed(() => this.#consumer.seek({ topic, partition, offset }));
    }
    if (verdict === 'log changed') {
      return this.#readChanged(window, changedFrom(window, batch)!, !batch.divergence);
    }
    if (verdict === 'log went back') window = this.#startAgain(window, new ReadLog());
    const decoded = await this.#decode(window, batch);
    if (!decoded || batch.stale || this.#windows.get(partition) !== window) return;
    const differsAt = window.log.differsAt(decoded.epochs, decoded.nextOffset);
    if (differsAt !== undefined) {
      const goesOnAt = Math.min(differsAt, window.settled);
      const where = { stream: this.deps.stream.name, topic, partition, fetched: fetchOffset };
      this.deps.logger.error({ ...where, goesOnAt }, LOST_END);
      return this.#readChanged(window, goesOnAt, false);
    }
    window.readable();
    window.log.read(batch.topicId, decoded.epochs, decoded.nextOffset);
    const entries = window.accept(decoded.records, decoded.nextOffset, fetchOffset);
    payload.resolveOffset(String(decoded.nextOffset - 1));
    if (window.full && !window.paused) {
      window.paused = true;
      payload.pause();
    }
    this.#lane.accept(entries);
  }

  /**
   * Decodes a batch into its records and the offset after the batch. If the batch can't be read, there are two cases.
   * Either the stream or an operator wants a dead letter for it: the result is then one record that stands for the
   * batch. Or the result is undefined, and the partition waits.
   */
  async #decode(window: PartitionWindow, batch: FetchedBatch): Promise<DecodedRecords | undefined> {
    const decoded = batch.decode();
    const { unreadable } = decoded;
    // Records before an unreadable batch are taken first. The next fetch then begins at that batch.
    if (!unreadable || decoded.nextOffset > batch.fetchOffset) return decoded;
    const record = recordOfUnreadable(window.topic, window.partition, unreadable);
    if (this.deps.stream.onUnreadable === 'deadLetter' || (await this.deps.isStarted(record))) {
      const epochs = [{ offset: unreadable.offset, epoch: undefined }];
      return { records: [record], nextOffset: unreadable.nextOffset, epochs };
    }
    const detail = `offset ${unreadable.offset} to ${unreadable.nextOffset - 1}: ${unreadable.cause}`;
    // The note of a stall needs a commit. If the group has no commit yet, it commits this offset and the topic's id.
    window.begin(batch.fetchOffset);
    window.log.read(batch.topicId, [], 0);
    this.#waitFor(window, 'unreadable', detail);
    return undefined;
  }

  /** Pauses fetching of the partition, because an immediate retry would bring the same fault. */
  #waitFor(window: PartitionWindow, reason: FetchFault['reason'], detail: string): void {
    const { topic, partition } = window;
    const { stream, logger } = this.deps;
    // The partition was revoked while its batch was checked. A pause would never end.
    if (this.#windows.get(partition) !== window) return;
    if (window.fetchFault?.detail !== detail) {
      logger.error(
        { stream: stream.name, topic, partition, reason, detail },
        'Partition can not be read on; the others go on',
      );
    }
    this.#unlessCrashed(() => this.#consumer.pause([{ topic, partitions: [partition] }]));
    window.blockFor({ reason, detail }, () => {
      if (!this.#stopping && !window.revoked && !window.paused) this.#resume([partition]);
    });
  }

  /** Continues at offset `from` after the log has changed. What was read from that offset on is no longer valid. */
  #readChanged(old: PartitionWindow, from: number, isOtherTopic: boolean): void {
    const { topic, partition, log } = old;
    log.cutTo(from);
    const window = this.#startAgain(old, isOtherTopic ? new ReadLog() : log);
    window.startsAt = from;
    this.#unlessCrashed(() => this.#consumer.seek({ topic, partition, offset: String(from) }));
  }

  /** Opens a new window in place of a window whose offsets have lost their meaning. The counters stay the same. */
  #startAgain(old: PartitionWindow, log: ReadLog): PartitionWindow {
    old.revoked = true;
    this.#stalls.forget(old.partition);
    this.#lane.dropRevoked();
    return this.#open(old.partition, old.counters, log);
  }

  #open(partition: number, counters: PartitionCounters, log = new ReadLog()): PartitionWindow {
    const { stream, limits = DEFAULT_LIMITS } = this.deps;
    const { lane } = stream.execution;
    const window = new PartitionWindow(stream.topic, partition, limits, counters, lane, log);
    this.#windows.set(partition, window);
    return window;
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
      const fields = { stream: this.deps.stream.name, err: error, restart };
      this.deps.logger.error(fields, 'Kafka consumer crashed');
      if (restart) return;
      this.deps.onFatal(asGroupFault(error, this.deps.stream.groupId, SESSION_TIMEOUT_MS));
    });
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
    for (const [partition, window] of this.#windows) {
      if (kept.has(partition)) continue;
      window.revoked = true;
      window.counters.leaveTo(this.processCounters);
      this.#windows.delete(partition);
      this.#stalls.forget(partition);
      for (const gauge of [metrics.consumerLag, metrics.lagSeconds]) {
        gauge.remove({ stream: stream.name, topic: stream.topic, partition });
      }
    }
    this.#lane.dropRevoked();
    // Kafka gives a partition that was kept from its last commit again.
    for (const window of this.#windows.values()) window.rejoin();
    if (this.#stopping) return;
    const added = partitions.filter((partition) => !this.#windows.has(partition));
    for (const partition of added) this.#open(partition, new PartitionCounters());
    if (added.length > 0) {
      // kafkajs keeps pauses across rebalances. A pause may be left from an earlier time as owner of the partition.
      this.#resume(added);
      this.#loading = loadCommitted(this.#kafka, this.#windows, () => this.#stopping, this.deps);
    }
  }

  async #measureLag(): Promise<void> {
    if (this.#measuring) return;
    this.#measuring = true;
    const { stream, logger } = this.deps;
    try {
      const ends = await this.#offsets.ends(stream.topic);
      if (this.#stopping) return;
      for (const [partition, window] of this.#windows) {
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
