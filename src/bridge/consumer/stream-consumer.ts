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
  /** Where the log begins and ends. Default: asked of Kafka. */
  offsets?: OffsetReader;
  /** How many messages layer `recent` remembers. */
  recentIds(): number;
  /** Milliseconds without progress after which a partition counts as stalled. */
  stalledAfterMs: number;
  /** Whether the workflow of the dead letter that stands for an unreadable batch exists. */
  isStarted(record: KafkaRecord): Promise<boolean>;
  /** Asked for a partition that is stalled. */
  stallCause(window: WindowState): StallCause;
  /** Silence of a consumer, while Kafka answers others, that ends it. Default 60 s. */
  silentAfterMs?: number;
  /** Called when kafkajs has given the consumer up; it will not come back by itself. */
  onFatal(error: unknown): void;
}

const COMMIT_INTERVAL_MS = 500;
const LAG_INTERVAL_MS = 5_000;
/** A killed bridge worker holds its partitions for this long. */
const SESSION_TIMEOUT_MS = 15_000;
/** How long a join may wait for the other members. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** A consumer that is silent for longer has long been given up by its group. */
const SILENT_AFTER_MS = 4 * SESSION_TIMEOUT_MS;

/** A notice and no fault: a worker that stands by is as healthy as one that has partitions. */
const SPARE =
  'no partition is assigned: the other bridge workers have them all, and this one stands by for theirs';

/** A topic that gets more partitions is read whole after this time. Kafka's own client takes five minutes. */
const METADATA_MAX_AGE_MS = 30_000;

const TOPIC_FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED';

const LEAVE_DEADLINE_MS = 8_000;
/** A fetch that comes before the committed offset is known is left for the next one. */
const LOADING_WAIT_MS = 200;

/** A window's worth waits in memory; behind it Kafka keeps the records. */
const DEFAULT_LIMITS: WindowLimits = { records: 1_000, bytes: 8 * 1024 * 1024 };

/**
 * The consumer of one stream: fills a window per partition, commits the windows' watermarks, and keeps
 * both right across rebalances. The handler never waits for a record and never throws.
 */
export class StreamConsumer {
  readonly #windows = new Map<number, PartitionWindow>();
  /**
   * Totals that belong to the process and to none of its partitions; what partitions that have gone left to
   * count among them. The next commit takes them along.
   */
  readonly processCounters = new PartitionCounters();
  readonly #kafka: Kafka;
  readonly #offsets: OffsetReader;
  readonly #consumer: GroupConsumer;
  #memberId: string | undefined;
  /** Times the consumer has asked to join since it last knew what it owns; 0 while it knows. */
  #joining = 0;
  /** Bound to the current run of kafkajs's consumer; a crash makes it void. */
  #commitOffsets: CommitOffsets | undefined;
  readonly #commits: Commits;
  #loading: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #starting: Promise<void> | undefined;
  /** Set by {@link start}. Kafka gives no partition, and so no record, before that. */
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
      // kafkajs takes on the new generation a moment before it tells what is assigned in it, and the
      // broker looks at the generation, not at who owns the partition: what is sent then could be another's.
      send: () => (this.#joining > 0 ? undefined : this.#commitOffsets),
      memberId: () => this.#memberId,
    });
    this.#heartbeats = new HeartbeatWatch(
      deps.silentAfterMs ?? SILENT_AFTER_MS,
      REBALANCE_TIMEOUT_MS,
    );
    // One client for each consumer: kafkajs shares committed offsets between those of one client.
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
        // With every partition paused, kafkajs sleeps this long before it looks again.
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

  /** Joins the group. The lane gets the records. */
  start(lane: Lane): Promise<void> {
    this.#lane = lane;
    return (this.#starting = this.#join());
  }

  async #join(): Promise<void> {
    const { topic } = this.deps.stream;
    await this.#consumer.connect();
    // From the beginning: with `false`, kafkajs skips to the end when an offset has expired.
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

  /** Accepts no more records. Heartbeats go on, so the partitions stay ours while work drains. */
  pause(): void {
    this.#stopping = true;
    // The whole topic: that also covers partitions assigned later.
    const { topic } = this.deps.stream;
    if (this.#joined) this.#unlessCrashed(() => this.#consumer.pause([{ topic }]));
  }

  /**
   * Commits what is finished, then leaves the group. Call {@link pause} and drain before. Where Kafka
   * does not answer in time the group finds out by itself, and the records come again.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.forEach((timer) => clearInterval(timer));
    const leave = async () => {
      // A consumer that joins after it was disconnected would keep partitions that nobody reads.
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

  /** A record of the window became committable. */
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
   * Between a crash and its restart kafkajs has no group, fetches nothing, and refuses these calls. The
   * join that follows starts every partition again.
   */
  #unlessCrashed(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.deps.logger.debug({ error: errorMessage(error) }, 'The consumer has just crashed');
    }
  }

  /**
   * Where the first chunk of the window begins: where the chain ended that the group has committed. The next owner must
   * find the same place. So a group that never committed on the partition commits where its first batch began. A group
   * does so too if retention has deleted what it had committed: the broker then holds no offset. Undefined once the
   * partition is lost.
   */
  async committedStart(window: PartitionWindow): Promise<number | undefined> {
    while (!window.revoked && !this.#stopping) {
      await this.#loading;
      const { initialOffset, initialChain } = window;
      // Records wait, so a batch was read.
      const first = window.beginning!;
      const begin = initialChain ?? initialOffset ?? first;
      if (initialOffset !== undefined) {
        if (first <= initialOffset) return begin;
        window.retainedFrom = first;
      }
      window.advanceTo(begin);
      await this.commit();
      // A lower commit is of a stall before the first batch that could be read.
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

  /** What is wrong, or undefined: whether the consumer belongs to its group and is heard there. */
  fault(): string | undefined {
    if (this.#stopping) return 'stopping';
    const right = this.#missingRight();
    if (right) return `waits for a right: Kafka answers ${right}`;
    if (!this.#joined) return 'has not joined its consumer group';
    const silence = Date.now() - this.#lastHeartbeat;
    return silence > SESSION_TIMEOUT_MS ? `no heartbeat for ${silence} ms` : undefined;
  }

  /** Kafka's name for the right that the consumer waits for: to its group, or to read its topic. */
  #missingRight(): string | undefined {
    const forbidden = [...this.#windows.values()].some(
      ({ blocked, fetchFault }) => blocked && fetchFault?.detail === TOPIC_FORBIDDEN,
    );
    return forbidden ? TOPIC_FORBIDDEN : this.#consumer.missingRight();
  }

  /** Partitions with work that make no progress, and that this worker is a spare, for people. */
  notices(): Record<string, string> {
    if (this.#stopping) return {};
    const spare = this.#joined && this.#windows.size === 0;
    return {
      ...this.#stalls.describe(),
      ...(spare && { [`consumer ${this.deps.stream.name}`]: SPARE }),
    };
  }

  /** Commits what is finished now, if anything is. */
  commit(): Promise<void> {
    return this.#commits.commit();
  }

  /** Every fetch that brought something of a partition comes here, also if no record of it is for us. */
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
    // A batch that is left is fetched again. Meanwhile the partition may have gone.
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
   * Records of a batch and the offset after it. Undefined if the partition has to wait: its next batch can't
   * be read, and neither the stream nor an operator has said that it may be left out.
   */
  async #decode(window: PartitionWindow, batch: FetchedBatch): Promise<DecodedRecords | undefined> {
    const decoded = batch.decode();
    const { unreadable } = decoded;
    // What lies before such a batch comes first; the next fetch begins at the batch.
    if (!unreadable || decoded.nextOffset > batch.fetchOffset) return decoded;
    const record = recordOfUnreadable(window.topic, window.partition, unreadable);
    if (this.deps.stream.onUnreadable === 'deadLetter' || (await this.deps.isStarted(record))) {
      const epochs = [{ offset: unreadable.offset, epoch: undefined }];
      return { records: [record], nextOffset: unreadable.nextOffset, epochs };
    }
    const detail = `offset ${unreadable.offset} to ${unreadable.nextOffset - 1}: ${unreadable.cause}`;
    // The stall's note travels with a commit. If the group has none yet, this place and the topic's id are committed.
    window.begin(batch.fetchOffset);
    window.log.read(batch.topicId, [], 0);
    this.#waitFor(window, 'unreadable', detail);
    return undefined;
  }

  /** Fetches nothing of the partition for a while, because trying at once would change nothing. */
  #waitFor(window: PartitionWindow, reason: FetchFault['reason'], detail: string): void {
    const { topic, partition } = window;
    const { stream, logger } = this.deps;
    // The partition went while its batch was looked at. Nobody would end the pause.
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

  /** The log is not the one that was read: goes on where the two part. */
  #readChanged(old: PartitionWindow, from: number, isOtherTopic: boolean): void {
    const { topic, partition, log } = old;
    log.cutTo(from);
    const window = this.#startAgain(old, isOtherTopic ? new ReadLog() : log);
    window.startsAt = from;
    this.#unlessCrashed(() => this.#consumer.seek({ topic, partition, offset: String(from) }));
  }

  /** A new window in place of one whose offsets have lost their meaning; totals go on. */
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
      // A throw in a listener would end the consumer for good.
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

  /** Every join starts all partitions again from their committed offsets, retained ones as well. */
  #onJoin(memberId: string, partitions: number[]): void {
    const { stream, logger, metrics } = this.deps;
    this.#joined = true;
    this.#lastHeartbeat = Date.now();
    this.#heartbeats.heard();
    metrics.rebalances.inc({ stream: stream.name });
    logger.info({ stream: stream.name, memberId, partitions }, 'Joined the consumer group');
    // Others may have owned the partitions in between and moved the offsets: under a new member id, or
    // where the group came together more than once and this member heard of the last time only.
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
    // From there on Kafka gives a retained partition again.
    for (const window of this.#windows.values()) window.rejoin();
    if (this.#stopping) return;
    const added = partitions.filter((partition) => !this.#windows.has(partition));
    for (const partition of added) this.#open(partition, new PartitionCounters());
    if (added.length > 0) {
      // A pause from an earlier time as owner outlives a rebalance.
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
