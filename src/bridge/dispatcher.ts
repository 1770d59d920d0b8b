import { contentKey } from '../domain/content-key';
import { parseRecord } from '../domain/parse';
import { describePosition, type InvalidReason } from '../domain/record';
import { startOfInvalidRecord, startOfRecord, type RecordStart } from '../domain/record-start';
import type { AnyStream } from '../domain/stream';
import { duplicateSkipped } from '../duplicate-skipped';
import type { Logger } from '../logger';
import type { Metrics } from '../metrics';
import type { RecordOutcome } from '../workflows/bridge-sinks';
import { countOutcome } from './count-outcome';
import type { WindowEntry } from './partition-window';
import type { RecentLayer } from './recent-layer';
import { Slots } from './slots';
import { StartRejectedError, startWorkflow, type StartDependencies } from './start-workflow';

export interface DispatcherDependencies {
  stream: AnyStream;
  recent: RecentLayer;
  start: StartDependencies;
  metrics: Metrics;
  logger: Logger;
  /** Called after each record whose offset became committable. */
  onFinished(entry: WindowEntry): void;
  /** Called when a record can neither be started nor dead-lettered: the process must stop. */
  onFatal(error: unknown): void;
}

/**
 * Takes records out of the windows, in the order of arrival, and brings each to an end that allows its
 * offset to be committed: started as a workflow, or skipped as a duplicate.
 */
export class Dispatcher {
  /** Records in their first workflow task: beyond this, starts are no longer eager. */
  readonly #inFlight: Slots;
  /** Workflows not ended: keeps the bridge from running ahead of a sink that is down. */
  readonly #open: Slots;
  #queue: WindowEntry[] = [];
  readonly #starting = new Set<Promise<void>>();
  #head = 0;
  #dispatched = 0;
  #running = false;
  #stopped = false;

  constructor(private readonly deps: DispatcherDependencies) {
    this.#inFlight = new Slots(deps.stream.maxInFlight);
    this.#open = new Slots(deps.stream.maxOpen);
  }

  push(entries: WindowEntry[]): void {
    for (const entry of entries) this.#queue.push(entry);
    if (!this.#running) void this.#run();
  }

  /** While every place is taken, what rebalances leave behind must not pile up. */
  dropLost(): void {
    this.#queue = this.#queue.slice(this.#head).filter(({ window }) => !window.lost);
    this.#head = 0;
  }

  /** Records in their first workflow task. */
  get inFlightCount(): number {
    return this.#inFlight.taken;
  }

  /** Starts nothing more; resolves when every start under way has been answered or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#starting);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#head < this.#queue.length && !this.#stopped) {
      await this.#open.acquire();
      await this.#inFlight.acquire();
      const entry = this.#take();
      if (entry) this.#track(this.#dispatch(entry));
      else this.#releaseBoth();
    }
    this.#running = false;
  }

  /** The next record that still belongs to this consumer. */
  #take(): WindowEntry | undefined {
    while (this.#head < this.#queue.length && !this.#stopped) {
      const entry = this.#queue[this.#head++]!;
      if (this.#head === this.#queue.length) {
        this.#queue.length = this.#head = 0;
      } else if (this.#head >= 1024) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      if (!entry.window.lost) return entry;
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

  #releaseBoth(): void {
    this.#inFlight.release();
    this.#open.release();
  }

  /** Holds one place of each kind on entry; they come free here or when the workflow ends. */
  async #dispatch(entry: WindowEntry): Promise<void> {
    const { stream, recent } = this.deps;
    const { record } = entry;
    const parsed = parseRecord(stream, record);
    if (!parsed.ok) {
      return this.#startInvalid(entry, startOfInvalidRecord(stream, record, parsed.reason));
    }
    const start = startOfRecord(stream, record, parsed.messageId);
    if (start.memo.messageId === null) return this.#startInvalid(entry, start);

    const key = contentKey(parsed.messageId, record.value!);
    // Numbered: a record that comes again after a rebalance is not the owner of its first coming.
    const owner = `${describePosition(record)}#${++this.#dispatched}`;
    const verdict = recent.enter(key, owner);
    const { ledger } = entry.window;
    // One that waits is asked for again.
    if (verdict === 'in flight') ledger.add('lockWaits');
    else {
      ledger.add('checked');
      this.deps.metrics.recentChecks.inc({ stream: stream.name });
    }
    if (verdict === 'duplicate') {
      this.#releaseBoth();
      return this.#skip(entry, parsed.messageId, 'recent');
    }
    if (verdict === 'in flight') {
      // Waits without a place, so that a thousand duplicates of one message do not block the others.
      this.#releaseBoth();
      this.deps.metrics.recentLockWaits.inc({ stream: stream.name });
      void recent.freed(key).then(() => this.push([entry]));
      return;
    }
    let left = false;
    const leave = (delivered: boolean) => {
      if (left) return;
      left = true;
      recent.leave(key, owner, delivered);
    };
    try {
      await this.#start(entry, start, (outcome) =>
        leave(outcome === 'delivered' || outcome === 'duplicate'),
      );
    } catch (error) {
      leave(false);
      if (!(error instanceof StartRejectedError)) throw error;
      await this.#open.acquire();
      await this.#inFlight.acquire();
      const reason: InvalidReason = { type: 'RejectedByTemporal', message: error.message };
      await this.#startInvalid(entry, startOfInvalidRecord(stream, record, reason));
    }
  }

  async #startInvalid(entry: WindowEntry, start: RecordStart): Promise<void> {
    const [input] = start.args;
    this.deps.logger.warn(
      {
        ...start.memo,
        workflowId: start.workflowId,
        reason: 'reason' in input ? input.reason.type : undefined,
      },
      'Record is invalid and goes to the dead-letter topic',
    );
    await this.#start(entry, start, () => undefined);
  }

  /** `onClosed` is called once: when the workflow ends, or with `failed` when it was not started. */
  async #start(
    entry: WindowEntry,
    start: RecordStart,
    onClosed: (outcome: RecordOutcome) => void,
  ): Promise<void> {
    let handedOver = false;
    const onHandedOver = () => {
      if (handedOver) return;
      handedOver = true;
      this.#inFlight.release();
    };
    const release = () => {
      onHandedOver();
      this.#open.release();
    };
    // What stays until the workflow ends: not the record, which an open workflow would keep in memory.
    const { ledger } = entry.window;
    const { memo } = start;
    let result;
    try {
      result = await startWorkflow(this.deps.start, start, {
        onHandedOver,
        onClosed: (outcome) => {
          release();
          onClosed(outcome);
          countOutcome(memo, outcome, this.deps.metrics, ledger);
        },
      });
    } catch (error) {
      release();
      throw error;
    }
    if (result === 'started') {
      this.#finish(entry);
    } else {
      release();
      onClosed('failed');
      this.#skip(entry, start.memo.messageId, 'workflow-id');
    }
  }

  #skip(entry: WindowEntry, messageId: string | null, layer: 'recent' | 'workflow-id'): void {
    const { stream, metrics } = this.deps;
    duplicateSkipped(this.deps, { ...entry.record, stream: stream.name, messageId }, layer);
    metrics.records.inc({ stream: stream.name, outcome: 'duplicate' });
    this.#finish(entry, layer === 'recent' ? 'recent' : 'workflowId');
  }

  #finish(entry: WindowEntry, skippedBy?: 'recent' | 'workflowId'): void {
    entry.window.finish(entry, skippedBy);
    this.deps.onFinished(entry);
  }
}
