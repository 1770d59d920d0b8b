import { setTimeout as sleep } from 'node:timers/promises';
import {
  createConsumer,
  createKafka,
  fetchedOffset,
  kafkaErrorType,
  toKafkaRecord,
  withAdmin,
  type Consumer,
  type EachBatchPayload,
  type Kafka,
  type KafkaSettings,
} from '../clients/kafka';
import { errorMessage, UsageError } from '../domain/errors';
import type { AnyStream } from '../domain/stream';
import type { Logger } from '../logger';
import type { Metrics } from '../metrics';
import { Ledger } from './ledger';
import { Silence } from './silence';
import type { WindowState } from './stall-cause';
import { Stalls, type StallCause } from './stalls';
import { PartitionWindow, type WindowEntry, type WindowLimits } from './partition-window';

export interface ConsumeDependencies {
  stream: AnyStream;
  kafka: KafkaSettings;
  metrics: Metrics;
  logger: Logger;
  limits?: WindowLimits;
  /** How many messages layer `recent` remembers. */
  recentIds(): number;
  /** Milliseconds without progress after which a partition counts as stalled. */
  stalledAfterMs: number;
  /** Asked for a partition that is stalled. */
  stallCause(window: WindowState): StallCause;
  /** Silence of a consumer, while Kafka answers others, that ends it. Default 60 s. */
  silentAfterMs?: number;
  /** Receives each record once for each time this process owns its partition. Must not throw. */
  onRecords(entries: WindowEntry[]): void;
  /** Partitions have gone, and with them what still waits of their records. Must not throw. */
  onLost(): void;
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

const LEAVE_DEADLINE_MS = 8_000;
/** A fetch that comes before the committed offset is known is left for the next one. */
const LOADING_WAIT_MS = 200;

/** A window's worth waits in memory; behind it Kafka keeps the records. */
const DEFAULT_LIMITS: WindowLimits = { records: 1_000, bytes: 8 * 1024 * 1024 };

type CommitOffsets = (offsets: {
  topics: {
    topic: string;
    partitions: { partition: number; offset: string; metadata: string }[];
  }[];
}) => Promise<void>;

/**
 * The consumer of one stream: fills a window per partition, commits the windows' watermarks, and keeps
 * both right across rebalances. The handler never waits for a record and never throws.
 */
export class StreamConsumer {
  readonly #windows = new Map<number, PartitionWindow>();
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  #memberId: string | undefined;
  /** Times the consumer has asked to join since it last knew what it owns; 0 while it knows. */
  #joining = 0;
  /** Bound to the current run of kafkajs's consumer; a crash makes it void. */
  #commitOffsets: CommitOffsets | undefined;
  readonly #committed = new Map<PartitionWindow, number>();
  #committing: Promise<void> = Promise.resolve();
  #loading: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #stopping = false;
  #joined = false;
  #lastHeartbeat = 0;
  #measuring = false;
  readonly #silence: Silence;
  readonly #stalls: Stalls;
  /** What the last commit of a window said of its stall. */
  readonly #noted = new Map<PartitionWindow, string>();

  constructor(private readonly deps: ConsumeDependencies) {
    const { stream, stalledAfterMs: afterMs, metrics, logger } = deps;
    this.#stalls = new Stalls({ stream, afterMs, metrics, logger });
    this.#silence = new Silence(deps.silentAfterMs ?? SILENT_AFTER_MS, REBALANCE_TIMEOUT_MS);
    // One client for each consumer: kafkajs shares committed offsets between those of one client.
    this.#kafka = createKafka(deps.kafka, deps.logger);
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
        retry: { restartOnFailure: () => Promise.resolve(!this.#stopping) },
      },
      () => this.#joining++,
    );
    this.#listen();
  }

  async start(): Promise<void> {
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
    try {
      // The whole topic: that also covers partitions assigned later.
      if (this.#joined) this.#consumer.pause([{ topic: this.deps.stream.topic }]);
    } catch (error) {
      // It has just crashed, and fetches nothing.
      this.deps.logger.debug({ error: errorMessage(error) }, 'Could not pause');
    }
  }

  /**
   * Commits what is finished, then leaves the group. Call {@link pause} and drain before. Where Kafka
   * does not answer in time the group finds out by itself, and the records come again.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.forEach((timer) => clearInterval(timer));
    const leave = async () => {
      await this.#loading;
      await this.commit();
      await this.#consumer.disconnect();
      return true;
    };
    if (!(await Promise.race([leave(), sleep(LEAVE_DEADLINE_MS, false, { ref: false })]))) {
      this.deps.logger.warn({ stream: this.deps.stream.name }, 'Kafka did not answer in time');
    }
  }

  /** A record of the window became committable. */
  finished(window: PartitionWindow): void {
    if (!window.paused || window.lost || this.#stopping || !window.roomy) return;
    window.paused = false;
    this.#resume([window.partition]);
  }

  #resume(partitions: number[]): void {
    try {
      this.#consumer.resume([{ topic: this.deps.stream.topic, partitions }]);
    } catch (error) {
      // Between a crash and its restart kafkajs has no group; the join that follows resumes.
      this.deps.logger.debug({ error: errorMessage(error) }, 'Could not resume');
    }
  }

  /**
   * Where the group stood before the window's first batch. A group that never committed on the partition
   * commits where that batch began. Undefined once the partition is lost.
   */
  async base(window: PartitionWindow): Promise<number | undefined> {
    while (!window.lost && !this.#stopping) {
      await this.#loading;
      if (window.initialOffset !== undefined) return window.initialOffset;
      const first = window.beginning;
      window.endChunk(first);
      await this.commit();
      if (this.#committed.get(window) === first) window.initialOffset = first;
      else await sleep(COMMIT_INTERVAL_MS);
    }
    return undefined;
  }

  /** Where totals go that belong to the process and not to one of its partitions. */
  get anyLedger(): Ledger | undefined {
    for (const { ledger } of this.#windows.values()) return ledger;
    return undefined;
  }

  ledgerOf(partition: number): Ledger | undefined {
    return this.#windows.get(partition)?.ledger;
  }

  /** What is wrong, or undefined: whether the consumer belongs to its group and is heard there. */
  fault(): string | undefined {
    if (this.#stopping) return 'stopping';
    if (!this.#joined) return 'has not joined its consumer group';
    if (this.#windows.size === 0) {
      return 'no partition is assigned: are there more bridge workers than partitions?';
    }
    const silence = Date.now() - this.#lastHeartbeat;
    return silence > SESSION_TIMEOUT_MS ? `no heartbeat for ${silence} ms` : undefined;
  }

  /** Partitions with work that make no progress, for people. */
  notices(): Record<string, string> {
    return this.#stopping ? {} : this.#stalls.describe();
  }

  /** Commits watermarks, ledgers and stalls that changed. One commit at a time; a failed one is made up for. */
  commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitOnce());
    return this.#committing;
  }

  async #commitOnce(): Promise<void> {
    const send = this.#commitOffsets;
    // kafkajs takes on the new generation a moment before it tells what is assigned in it, and the broker
    // looks at the generation, not at who owns the partition: what is sent then could be another's.
    if (!send || this.#joining > 0) return;
    const by = {
      memberId: this.#memberId ?? '',
      recentIds: this.deps.recentIds(),
      at: Date.now(),
    };
    const moved: {
      window: PartitionWindow;
      watermark: number;
      metadata: string;
      noted: string;
    }[] = [];
    for (const window of this.#windows.values()) {
      const { ledger } = window;
      const stalled = this.#stalls.note(window.partition);
      const watermark = window.watermark ?? (stalled && window.initialOffset);
      if (watermark === undefined || !ledger.loaded) continue;
      window.settleSkipped(watermark);
      const noted = stalled ? JSON.stringify(stalled) : '';
      const isNoted = (this.#noted.get(window) ?? '') === noted;
      if (this.#committed.get(window) === watermark && !ledger.changed && isNoted) continue;
      const metadata = ledger.toMetadata({ ...by, ...(stalled && { stalled }) });
      moved.push({ window, watermark, metadata, noted });
    }
    if (moved.length === 0) return;
    const { topic, name } = this.deps.stream;
    try {
      // Sends the generation of this instant, so a commit that crosses a rebalance is refused.
      await send({
        topics: [
          {
            topic,
            partitions: moved.map(({ window, watermark, metadata }) => ({
              partition: window.partition,
              offset: String(watermark),
              metadata,
            })),
          },
        ],
      });
      for (const { window, watermark, noted } of moved) {
        if (window.lost) continue;
        this.#committed.set(window, watermark);
        this.#noted.set(window, noted);
      }
    } catch (error) {
      // Nothing is lost: the next round commits again, or the next owner starts from the last commit
      // and meets workflow ids that exist.
      for (const { window } of moved) window.ledger.commitFailed();
      this.deps.logger.warn({ stream: name, error: errorMessage(error) }, 'Offset commit failed');
    }
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { topic, partition } = batch;
    let window = this.#windows.get(partition);
    if (this.#stopping || !window) return;
    this.#commitOffsets = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    if (!window.ledger.loaded) await Promise.race([this.#loading, sleep(LOADING_WAIT_MS)]);
    const fetched = fetchedOffset(batch);
    const follows = window.ledger.loaded && (await this.#follows(window, fetched));
    // A batch that is left is fetched again. Meanwhile the partition may have gone.
    if (!follows || this.#stopping || this.#windows.get(partition) !== window) return;
    if (follows === 'log went back') window = this.#startAgain(window);
    const records = batch.messages.map((message) => toKafkaRecord(topic, partition, message));
    const entries = window.accept(records, Number(batch.lastOffset()) + 1, fetched);
    payload.resolveOffset(batch.lastOffset());
    if (window.full && !window.paused) {
      window.paused = true;
      payload.pause();
    }
    this.deps.onRecords(entries);
  }

  /**
   * Whether the batch is what must come next; after a join its beginning may have been seen. Below the
   * floor Kafka gives nothing unless the topic was created again or has lost its end. A batch beyond
   * what was asked for comes after retention has deleted what was not read, or from a fetch of an
   * earlier time as owner, which would leave out what is between.
   */
  async #follows(window: PartitionWindow, fetched: number): Promise<boolean | 'log went back'> {
    const { stream, logger } = this.deps;
    const { topic, partition, floor } = window;
    const where = { stream: stream.name, topic, partition, fetched };
    if (floor !== undefined && fetched < floor) {
      logger.error(
        { ...where, expected: floor },
        'The log went back behind what was read: was the topic created again?',
      );
      return 'log went back';
    }
    const expected = window.next ?? window.initialOffset;
    if (expected === undefined || fetched <= expected) return true;
    let low: number;
    try {
      const ends = await withAdmin(this.#kafka, (admin) => admin.fetchTopicOffsets(topic));
      low = Number(ends.find((one) => one.partition === partition)?.low);
      if (low <= expected) {
        logger.warn({ ...where, expected }, 'Fetched beyond what comes next; going back to that');
        // Where the partition was lost meanwhile, its next owner reads it.
        if (!window.lost) this.#consumer.seek({ topic, partition, offset: String(expected) });
        return false;
      }
    } catch (error) {
      // The batch comes again.
      logger.warn({ ...where, error: errorMessage(error) }, 'Could not ask where the log begins');
      return false;
    }
    logger.error(
      { ...where, from: expected, to: low - 1 },
      'Retention has deleted records that were not read',
    );
    return true;
  }

  /** A new window in place of one whose offsets have lost their meaning; totals go on. */
  #startAgain(old: PartitionWindow): PartitionWindow {
    old.lost = true;
    this.#committed.delete(old);
    this.#noted.delete(old);
    this.#stalls.forget(old.partition);
    this.deps.onLost();
    return this.#open(old.partition, old.ledger);
  }

  #open(partition: number, ledger: Ledger): PartitionWindow {
    const { stream, limits = DEFAULT_LIMITS } = this.deps;
    const { lane } = stream.execution;
    const window = new PartitionWindow(stream.topic, partition, limits, ledger, lane);
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
      this.#silence.heard();
    });
    this.#consumer.on(events.FETCH, () => this.#silence.heard());
    // A batch of which nothing is for consumers (markers of a transaction) does not reach the handler.
    this.#consumer.on(
      events.START_BATCH_PROCESS,
      ({ payload: { partition, batchSize, lastOffset } }) => {
        if (batchSize === 0) this.#windows.get(partition)?.accept([], Number(lastOffset) + 1);
      },
    );
    this.#consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
      this.#joined = false;
      this.#commitOffsets = undefined;
      this.#silence.heard();
      if (this.#stopping) return;
      const fields = { stream: this.deps.stream.name, err: error, restart };
      this.deps.logger.error(fields, 'Kafka consumer crashed');
      if (!restart) this.deps.onFatal(error);
    });
  }

  /** Every join starts all partitions again from their committed offsets, retained ones as well. */
  #onJoin(memberId: string, partitions: number[]): void {
    const { stream, logger, metrics } = this.deps;
    this.#joined = true;
    this.#lastHeartbeat = Date.now();
    this.#silence.heard();
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
      window.lost = true;
      this.#windows.delete(partition);
      this.#committed.delete(window);
      this.#noted.delete(window);
      this.#stalls.forget(partition);
      for (const gauge of [metrics.consumerLag, metrics.lagSeconds]) {
        gauge.remove({ stream: stream.name, topic: stream.topic, partition });
      }
    }
    this.deps.onLost();
    // From there on Kafka gives a retained partition again.
    for (const window of this.#windows.values()) window.rejoin(this.#committed.get(window));
    // The broker may hold an older commit than the last one that was sent.
    this.#committed.clear();
    if (this.#stopping) return;
    const added = partitions.filter((partition) => !this.#windows.has(partition));
    for (const partition of added) this.#open(partition, new Ledger());
    if (added.length > 0) {
      // A pause from an earlier time as owner outlives a rebalance.
      this.#resume(added);
      this.#loading = this.#loadLedgers();
    }
  }

  /** Reads what earlier owners committed; retries until it is known, or not any more at a stop. */
  async #loadLedgers(): Promise<void> {
    const waiting = () => [...this.#windows.values()].filter(({ ledger }) => !ledger.loaded);
    const { groupId, topic, name } = this.deps.stream;
    for (;;) {
      // Before the answer: it says nothing about the windows of a join that comes after it.
      const windows = waiting();
      if (windows.length === 0) return;
      try {
        const committed = await withAdmin(this.#kafka, (admin) =>
          admin.fetchOffsets({ groupId, topics: [topic] }),
        );
        const partitions = new Map(committed[0]!.partitions.map((one) => [one.partition, one]));
        for (const window of windows) {
          const { offset, metadata } = partitions.get(window.partition) ?? {};
          // -1: none; -2, as kafkajs commits after an offset that has expired: the beginning.
          if (Number(offset) >= 0) window.initialOffset = Number(offset);
          window.ledger.load(metadata);
        }
      } catch (error) {
        const fields = { stream: name, error: errorMessage(error) };
        this.deps.logger.warn(fields, 'Could not read the committed offsets');
        if (this.#stopping) return;
        await sleep(1_000);
      }
    }
  }

  async #measureLag(): Promise<void> {
    if (this.#measuring) return;
    this.#measuring = true;
    const { stream, logger } = this.deps;
    try {
      const ends = await withAdmin(this.#kafka, (admin) => admin.fetchTopicOffsets(stream.topic));
      if (this.#stopping) return;
      for (const end of ends) this.#measure(end.partition, Number(end.low), Number(end.high));
      this.#silence.kafkaAnswered();
      const silentMs = this.#silence.tooLong(this.#joining > 0);
      if (silentMs) {
        const message = `the consumer of ${stream.topic} is silent for ${silentMs} ms, and Kafka answers`;
        this.deps.onFatal(new Error(message));
      }
    } catch (error) {
      this.#silence.kafkaIsAway();
      const fields = { stream: stream.name, error: errorMessage(error) };
      logger.debug(fields, 'Could not measure the lag');
    } finally {
      this.#measuring = false;
    }
  }

  #measure(partition: number, low: number, high: number): void {
    const { stream, metrics } = this.deps;
    const window = this.#windows.get(partition);
    if (!window) return;
    const { watermark, size, initialOffset } = window;
    const lag = Math.max(high - (watermark ?? initialOffset ?? low), 0);
    const labels = { stream: stream.name, topic: stream.topic, partition };
    metrics.consumerLag.set(labels, lag);
    metrics.lagSeconds.set(labels, window.oldestAgeMs() / 1_000);
    const position = this.#committed.get(window) ?? initialOffset ?? low;
    const uncommitted = watermark !== undefined && watermark > position;
    const waiting = size > 0;
    const works = uncommitted || waiting || high > (window.next ?? position);
    this.#stalls.observe(partition, { position, works }, () =>
      this.deps.stallCause({ partition, uncommitted, waiting }),
    );
  }
}
