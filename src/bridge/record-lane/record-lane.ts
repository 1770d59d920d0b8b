import { contentKey } from '../../domain/workflow/content-key';
import type { DeliveryFailure } from '../../domain/errors';
import { parseRecord } from '../../domain/workflow/parse';
import { keyHash } from '../../domain/workflow/key-hash';
import { describePosition, type InvalidReason } from '../../domain/record/record';
import {
  startAfter,
  startOfInvalidRecord,
  startOfParsed,
  type RecordStart,
} from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';
import type { Lane } from '../lane';
import type { Outcomes } from '../outcomes/outcomes';
import type { StreamConsumer } from '../consumer/stream-consumer';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import { DecodePauses } from './decode-pauses';
import { FairQueue } from './fair-queue';
import { KeyOrder, type OrderedEntry, type QueuedRecord } from './key-order';
import type { PartitionCounters } from '../partition/partition-counters';
import type { SkippedBy } from '../partition/partition-window';
import type { RecentLayer } from '../../dedupe/recent-layer';
import { Slots } from '../../lib/slots';
import {
  StartRejectedError,
  startWorkflow,
  type StartDependencies,
} from '../starts/start-workflow';
import type { RunningWorkflow } from '../starts/running-workflows';
import { WaitingPlaces } from './waiting-places';

export interface RecordLaneDependencies {
  stream: AnyStream;
  recent: RecentLayer;
  start: StartDependencies;
  metrics: Metrics;
  logger: Logger;
  /** By partition: why its records can't be decoded for now. */
  decodeFailures: Map<number, string>;
  outcomes: Pick<Outcomes, 'duplicate' | 'filtered'>;
  consumer: Pick<StreamConsumer, 'finished'>;
  /** Called when a record can neither be started nor dead-lettered. The process must then stop. */
  onFatal(error: unknown): void;
}

/**
 * How many workflows of a stream may wait, in one bridge worker, for the workflow before them in their key. Further
 * records of such keys wait in memory.
 */
const MAX_WAITING = 1_000;

/**
 * Starts a workflow for each record, or skips the record as a duplicate. After that the record's offset may be
 * committed; in an ordered stream, {@link KeyOrder} decides when. The lane takes one record of each partition in turn.
 */
export class RecordLane implements Lane {
  /** Places for records in their first workflow task. Starts of more records would no longer be eager. */
  readonly #inFlight: Slots;
  /** Places for workflows that have not ended. They keep the bridge from running ahead of a sink that is down. */
  readonly #open: Slots;
  /** Places for workflows that wait for the workflow before them in their key. */
  readonly #waiting: WaitingPlaces;
  /** The partitions whose records can't be decoded for now. */
  readonly #pauses: DecodePauses;
  /** The order of each partition, by the partition's counters. If the log goes back, both outlive the window. */
  readonly #orders = new Map<PartitionCounters, KeyOrder>();
  readonly #queue = new FairQueue((entry: OrderedEntry) => entry.window);
  readonly #starting = new Set<Promise<void>>();
  #dispatched = 0;
  #running = false;
  #stopped = false;

  constructor(private readonly deps: RecordLaneDependencies) {
    this.#inFlight = new Slots(deps.stream.maxInFlight);
    this.#open = new Slots(deps.stream.maxOpen);
    // If the whole partition is one order, records wait in memory, because no record behind gains by an early start.
    this.#waiting = new WaitingPlaces(deps.stream.ordering === 'partition' ? 0 : MAX_WAITING);
    this.#pauses = new DecodePauses({
      ...deps,
      failures: deps.decodeFailures,
      again: (entries) => entries.forEach((entry) => this.#enqueue(entry)),
    });
  }

  accept(entries: OrderedEntry[]): void {
    const { ordering } = this.deps.stream;
    for (const entry of entries) {
      const hash = keyHash(ordering, entry.record);
      if (hash === undefined) this.#queue.push(entry);
      else this.#orderOf(entry.window.counters).push(hash, entry);
    }
    if (!this.#running) void this.#run();
  }

  /** Drops the waiting records of revoked windows. While every place is taken, they would pile up in memory. */
  dropRevoked(): void {
    const lost = this.#queue.lines.filter((window) => window.revoked);
    const dropped = lost.flatMap((window) => this.#queue.remove(window));
    for (const { queued } of [...dropped, ...this.#pauses.dropRevoked()])
      queued?.order.dropped(queued);
    for (const [counters, order] of this.#orders) {
      if (!order.dropRevoked()) this.#orders.delete(counters);
    }
  }

  /** Number of records in their first workflow task. */
  get inFlightCount(): number {
    return this.#inFlight.taken;
  }

  /** Starts nothing more. Resolves when each start under way was answered or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#starting);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#queue.isEmpty && !this.#stopped) {
      await this.#open.acquire();
      await this.#inFlight.acquire();
      const entry = this.#take();
      if (!entry) {
        this.#inFlight.release();
        this.#open.release();
        continue;
      }
      // The record has a place of `#waiting` instead.
      if (entry.queued?.after !== undefined) this.#open.release();
      this.#track(this.#dispatch(entry));
    }
    this.#running = false;
  }

  #orderOf(counters: PartitionCounters): KeyOrder {
    let order = this.#orders.get(counters);
    if (!order) {
      order = new KeyOrder({
        predecessors: counters.predecessors,
        running: this.deps.start.running,
        places: this.#waiting,
        admit: (entry) => this.#enqueue(entry),
        finish: (entry, skippedBy) => this.#finish(entry, skippedBy),
      });
      this.#orders.set(counters, order);
    }
    return order;
  }

  #enqueue(entry: OrderedEntry): void {
    this.#queue.push(entry);
    if (!this.#running) void this.#run();
  }

  /** Takes the next record whose window is not revoked and whose partition does not wait. */
  #take(): OrderedEntry | undefined {
    while (!this.#queue.isEmpty && !this.#stopped) {
      const entry = this.#queue.take()!;
      if (entry.window.revoked) entry.queued?.order.dropped(entry.queued);
      else if (!this.#pauses.takes(entry)) return entry;
    }
    return undefined;
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => {
      if (!this.#stopped) this.deps.onFatal(error);
    });
    this.#starting.add(tracked);
    void tracked.finally(() => this.#starting.delete(tracked));
  }

  /** Takes the places that a record has when {@link #dispatch} begins. */
  async #acquire({ queued }: OrderedEntry): Promise<void> {
    if (queued?.after === undefined) await this.#open.acquire();
    await this.#inFlight.acquire();
  }

  #releaseOpen(queued: QueuedRecord | undefined): void {
    if (queued?.after === undefined) this.#open.release();
  }

  #release({ queued }: OrderedEntry): void {
    this.#inFlight.release();
    this.#releaseOpen(queued);
  }

  /**
   * Starts the workflow of a record, or skips the record. The record has its places when this method begins. They come
   * free here if no workflow is started; otherwise with the end of its first task and of the workflow.
   */
  async #dispatch(entry: OrderedEntry): Promise<void> {
    const { stream, recent } = this.deps;
    const { record } = entry;
    const result = parseRecord(stream, record);
    const parsed = result instanceof Promise ? await result : result;
    if ('failing' in parsed) {
      this.#release(entry);
      return this.#waitToDecode(entry, parsed.failing);
    }
    this.#pauses.decoded(entry);
    if (!parsed.ok && parsed.filtered) {
      this.#release(entry);
      return this.#filter(entry);
    }
    const { counters } = entry.window;
    const start = startOfParsed(stream, record, parsed);
    if (!parsed.ok || start.memo.messageId === null) {
      // The start of the workflow checks whether the id is known.
      counters.add('checked');
      await this.#start(entry, start);
      return;
    }

    const key = contentKey(parsed.messageId, record.value!);
    // A rebalance may bring the record again. The number distinguishes this dispatch from an earlier one.
    const owner = `${describePosition(record)}#${++this.#dispatched}`;
    const verdict = recent.enter(key, owner);
    // A record that waits is checked again later, and counts then.
    if (verdict === 'in flight') counters.add('lockWaits');
    else {
      counters.add('checked');
      this.deps.metrics.recentChecks.inc({ stream: stream.name });
    }
    if (verdict === 'duplicate') {
      this.#release(entry);
      return this.#skip(entry, parsed.messageId, 'recent');
    }
    if (verdict === 'in flight') {
      // The record waits without a place, so that a thousand duplicates of one message do not block other records.
      this.#release(entry);
      this.deps.metrics.recentLockWaits.inc({ stream: stream.name });
      void recent.freed(key).then(() => this.#enqueue(entry));
      return;
    }
    try {
      const running = await this.#start(entry, start);
      this.#leaveRecent(key, owner, running);
    } catch (error) {
      recent.leave(key, owner, false);
      if (!(error instanceof StartRejectedError)) throw error;
      await this.#acquire(entry);
      const reason: InvalidReason = { type: 'RejectedByTemporal', message: error.message };
      await this.#start(entry, startOfInvalidRecord(stream, record, reason));
    }
  }

  /** Layer `recent` remembers the message if its workflow delivers it, and forgets it otherwise. */
  #leaveRecent(key: string, owner: string, running: RunningWorkflow | undefined): void {
    const { recent } = this.deps;
    if (!running) return recent.leave(key, owner, false);
    void running.ended.then((outcome) => {
      recent.leave(key, owner, outcome === 'delivered' || outcome === 'duplicate');
    });
  }

  /** The record waits without a place, and its partition with it, because the stream's code fails for now. */
  #waitToDecode(entry: OrderedEntry, failing: DeliveryFailure): void {
    const { window, queued } = entry;
    if (window.revoked) queued?.order.dropped(queued);
    else this.#pauses.failed(entry, failing);
  }

  /** The stream skips the record, so it gets no workflow. The key's next record comes after the record before it. */
  #filter(entry: OrderedEntry): void {
    this.deps.outcomes.filtered();
    const { queued } = entry;
    if (queued) queued.order.skipped(queued, 'filtered');
    else this.#finish(entry, 'filtered');
  }

  /** Starts the record's workflow. If that workflow exists, the record is skipped, and the result is undefined. */
  async #start(entry: OrderedEntry, start: RecordStart): Promise<RunningWorkflow | undefined> {
    const { queued } = entry;
    let result;
    try {
      result = await startWorkflow(this.deps.start, startAfter(start, queued?.after));
    } catch (error) {
      this.#release(entry);
      throw error;
    }
    if ('duplicateOf' in result) {
      this.#release(entry);
      const running = !result.hasEnded && result.workflowId;
      this.#skip(entry, start.memo.messageId, 'workflow-id', running);
      return undefined;
    }
    this.#follow(result, queued);
    if (!queued) this.#finish(entry);
    return result;
  }

  /**
   * Frees the places of a record, and advances its key, as its workflow goes on. This method does not get the record
   * itself, because a running workflow would then keep the record in memory.
   */
  #follow(
    { workflowId, firstTaskOver, ended }: RunningWorkflow,
    queued: QueuedRecord | undefined,
  ): void {
    void firstTaskOver.then((isRunning) => {
      this.#inFlight.release();
      if (isRunning) queued?.order.running(queued, workflowId);
    });
    void ended.then(() => {
      this.#releaseOpen(queued);
      queued?.order.ended(queued);
    });
  }

  /** Skips a duplicate. `open` is the workflow that has the record or the message, or false if it has ended. */
  #skip(
    entry: OrderedEntry,
    messageId: string | null,
    layer: 'recent' | 'workflow-id',
    open: string | false = false,
  ): void {
    const { stream, outcomes } = this.deps;
    outcomes.duplicate({ ...entry.record, stream: stream.name, messageId }, layer);
    const skippedBy = layer === 'recent' ? 'recent' : 'workflowId';
    const { queued } = entry;
    if (!queued) return this.#finish(entry, skippedBy);
    if (skippedBy === 'recent') return queued.order.skipped(queued, skippedBy);
    if (open === false) return queued.order.ended(queued, skippedBy);
    queued.order.running(queued, open, skippedBy);
    void this.deps.start.running.whenEnded(open).then(() => queued.order.ended(queued));
  }

  #finish(entry: OrderedEntry, skippedBy?: SkippedBy): void {
    entry.window.finish(entry, skippedBy);
    this.deps.consumer.finished(entry.window);
  }
}
