import type { StartOwnWorkflow } from '../../activities/chunk/dependencies';
import {
  describeRange,
  startOfChunk,
  type ChunkInput,
  type ChunkMemo,
} from '../../domain/workflow/chunk';
import { parseRecord, type ParseResult } from '../../domain/workflow/parse';
import type { AnyStream, ChunkLimits } from '../../domain/stream/stream';
import type { StreamConsumer } from '../consumer/stream-consumer';
import type { Outcomes } from '../outcomes/outcomes';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { ChunkOrder } from './chunk-order';
import type { ChunkMemory } from './chunk-memory';
import type { PartitionWindow, SkippedBy, WindowEntry } from '../partition/partition-window';
import { Slots } from '../../lib/slots';
import { startSingly } from './refused-chunk';
import type { StartPermit } from '../brake/brake';
import type { RunningWorkflow } from '../starts/running-workflows';
import {
  StartRejectedError,
  startWorkflow,
  type StartDependencies,
} from '../starts/start-workflow';

/**
 * How many chunks of one stream may be open in a bridge worker. With several, the next chunk is read and started while
 * one is delivered. More chunks would share the same sink, and each would take longer. The number also limits how many
 * chunks wait for a sink that is down.
 */
export const MAX_OPEN_CHUNKS = 4;
/** How many open chunks may be of one partition. One less, so that a partition whose records fail leaves a place. */
const MAX_OPEN_OF_PARTITION = MAX_OPEN_CHUNKS - 1;

export interface ChunkChainDependencies {
  stream: AnyStream;
  limits: ChunkLimits;
  window: PartitionWindow;
  /** Places for open chunks of all partitions. */
  openChunks: Slots;
  remembered: ChunkMemory;
  /** Undefined if the stream has no order. */
  order: ChunkOrder | undefined;
  start: StartDependencies;
  /** Starts the workflows of the records of a chunk that Temporal refuses for good. */
  startOwnWorkflow: StartOwnWorkflow;
  metrics: Metrics;
  logger: Logger;
  outcomes: Pick<Outcomes, 'duplicate' | 'filtered' | 'ofChunks'>;
  consumer: Pick<StreamConsumer, 'finished' | 'committedStart'>;
  onStarting(): void;
  /** Called once for each {@link onStarting}: when the first task is over, or if no workflow was started. */
  onFirstTaskOver(): void;
  /** Called when neither a chunk nor its records can be started. The process must then stop. */
  onFatal(error: unknown): void;
}

/** A chunk that is durable. `complete` makes the chunk's end committable; the next chunk begins there. */
interface StartedChunk {
  workflowId: string;
  complete(): void;
}

/** A chunk that Temporal refuses for good. */
interface RefusedChunk {
  chunk: ChunkInput;
  entries: WindowEntry[];
  refusal: StartRejectedError;
}

/**
 * Starts the chunks of one partition, one after the other in the order of offsets. A chunk does not wait for the end of
 * the chunk before it, unless the stream has an order. `chunkWorkflowIds` proves that each record is in exactly one
 * chunk.
 *
 * | State of the chain                    | `#running` | `#isOver()` | What a push does    |
 * | ------------------------------------- | ---------- | ----------- | ------------------- |
 * | idle                                  | false      | false       | begins `#run`       |
 * | at work                               | true       | false       | lengthens the queue |
 * | over: `stop`, a fault, window revoked | either     | true        | starts nothing      |
 *
 * `#begun` is independent of the state: it tells whether the beginning of the first chunk is known.
 */
export class ChunkChain {
  #queue: WindowEntry[] = [];
  #queuedBytes = 0;
  /**
   * When the linger begins: at the push into an empty queue. After a chunk was taken, it is the latest push, because the
   * times at which the remaining records came are not kept.
   */
  #since = 0;
  /** When the last records arrived. */
  #pushedAt = 0;
  readonly #ownOpen = new Slots(MAX_OPEN_OF_PARTITION);
  #running = false;
  #starting: Promise<StartedChunk | undefined> | undefined;
  #begun = false;
  /** Leader epoch of the last chunk of the chain; undefined if it is not known. */
  #epoch: number | undefined;
  /** Aborts when the chain must start nothing more; see the table of states. */
  readonly #over = new AbortController();
  #endWait: () => void = () => undefined;

  constructor(private readonly deps: ChunkChainDependencies) {}

  push(entries: WindowEntry[]): void {
    this.#pushedAt = performance.now();
    if (this.#queue.length === 0) this.#since = this.#pushedAt;
    for (const entry of entries) {
      this.#queue.push(entry);
      this.#queuedBytes += entry.bytes;
    }
    this.#skipMet();
    if (this.#full) this.#endWait();
    if (!this.#running) void this.#run();
  }

  /**
   * Starts nothing more. Resolves when a start under way was answered or given up. A chunk that waits for a place is no
   * start under way.
   */
  async stop(): Promise<void> {
    this.#over.abort();
    this.#endWait();
    // `#run` has reported the error if the start has failed.
    await this.#starting?.catch(() => undefined);
  }

  /** Drops the records, because the window was revoked. */
  drop(): void {
    this.#queue = [];
    this.#over.abort();
    this.#endWait();
  }

  get #full(): boolean {
    const { maxRecords, maxBytes } = this.deps.limits;
    return this.#queue.length >= maxRecords || this.#queuedBytes >= maxBytes;
  }

  readonly #isOver = () => this.#over.signal.aborted || this.deps.window.revoked;

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#queue.length > 0 && !this.#isOver()) {
        await this.#linger();
        await this.deps.order?.ready(() => this.#upToLimits(), this.#isOver);
        // While the chain waits for a place, the next chunk grows.
        await this.#ownOpen.acquire();
        await this.deps.openChunks.acquire();
        const started = await (this.#starting = this.#startNext());
        if (!started) continue;
        // Under an order, the next chunk and the commit wait for the end of this chunk.
        const { order } = this.deps;
        if (!order || (await order.ended(started.workflowId, this.#isOver))) started.complete();
      }
    } catch (error) {
      if (this.#isOver()) return;
      // The next chunk would leave out the records of the chunk that has failed.
      this.#over.abort();
      this.deps.onFatal(error);
    } finally {
      this.#running = false;
    }
  }

  async #linger(): Promise<void> {
    const waitMs = this.#since + this.deps.limits.lingerMs - performance.now();
    if (waitMs <= 0 || this.#full || this.#isOver()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #startNext(): Promise<StartedChunk | undefined> {
    const started = await this.#startChunk();
    if (!started || !('refusal' in started)) return started;
    await this.#startSingly(started);
    return undefined;
  }

  /**
   * Starts the workflow of the next chunk. The caller holds a place for it. The place comes free when the workflow
   * ends, or here if this call starts no workflow.
   */
  async #startChunk(): Promise<StartedChunk | RefusedChunk | undefined> {
    const { stream, openChunks, remembered, metrics } = this.deps;
    let forget: () => void = () => undefined;
    const release = () => {
      forget();
      openChunks.release();
      this.#ownOpen.release();
    };
    let running: RunningWorkflow | undefined;
    this.deps.onStarting();
    try {
      const next = await this.#nextChunk();
      if (!next) return undefined;
      const { chunk, entries, permit } = next;
      forget = remembered.remember(
        chunk,
        entries.map(({ record }) => record),
      );
      let result;
      try {
        result = await startWorkflow(this.deps.start, startOfChunk(stream, chunk), permit);
      } catch (error) {
        if (error instanceof StartRejectedError) return { refusal: error, chunk, entries };
        throw error;
      }
      const { workflowId } = result;
      if ('duplicateOf' in result) {
        const { last, epoch } = result.duplicateOf as Partial<ChunkMemo>;
        const complete = () => this.#goOnFrom(Number(last) + 1, epoch, entries);
        return { workflowId, complete };
      }
      running = result;
      void running.firstTaskOver.then(() => this.deps.onFirstTaskOver());
      void running.ended.then(release);
      metrics.chunkRecords.observe({ stream: stream.name }, entries.length);
      return { workflowId, complete: () => this.#finish(chunk, entries) };
    } finally {
      if (!running) {
        this.deps.onFirstTaskOver();
        release();
      }
    }
  }

  /** Takes the records of the next chunk from the queue once the gate lets it start. Undefined if there is no chunk. */
  async #nextChunk(): Promise<
    { chunk: ChunkInput; entries: WindowEntry[]; permit: StartPermit } | undefined
  > {
    const { window, order, start } = this.deps;
    const first = await this.#first();
    if (first === undefined) this.#over.abort();
    else if (!this.#isOver()) this.#skipMet();
    if (first === undefined || this.#isOver() || this.#queue.length === 0) return undefined;
    const permit = await start.gate.enter(start.signal);
    if (this.#isOver() || this.#queue.length === 0) {
      permit.unused();
      return undefined;
    }
    const entries = this.#take(permit.probe ? 1 : undefined);
    const after = order?.after(entries) ?? [];
    const chunk = {
      ...this.#chunkOf(window.chainEnd ?? first, entries),
      ...(after.length > 0 && { after }),
    };
    return { chunk, entries, permit };
  }

  /**
   * Starts a workflow of its own for each record of a refused chunk. Otherwise the process would stop at this chunk
   * again and again, and every other partition with it. The chain goes on behind each record. Under an order, the
   * commit that has the record's end lists the record's workflow.
   */
  async #startSingly({ chunk, entries, refusal }: RefusedChunk): Promise<void> {
    const { stream, start, order, logger } = this.deps;
    const fields = { stream: stream.name, chunk: describeRange(chunk), error: refusal.message };
    logger.error(fields, 'Temporal refuses a chunk; its records get workflows of their own');
    const deps = { ...this.deps, signal: AbortSignal.any([start.signal, this.#over.signal]) };
    const singles = startSingly(deps, entries, chunk.after ?? [], this.#isOver);
    for await (const { entry, predecessor, skippedBy } of singles) {
      if (predecessor && !(await order?.left([predecessor], this.#isOver))) return;
      this.#finish({ last: entry.record.offset, epoch: chunk.epoch }, [entry], skippedBy);
    }
  }

  #finish(
    { last, epoch }: { last: number; epoch?: number | undefined },
    entries: WindowEntry[],
    skippedBy?: SkippedBy,
  ): void {
    const { window } = this.deps;
    this.#epoch = epoch;
    window.advanceTo(last + 1);
    for (const entry of entries) window.finish(entry, skippedBy);
    this.deps.consumer.finished(window);
  }

  /** Continues the chain at the end of a chunk whose workflow existed. That chunk may end at another offset. */
  #goOnFrom(end: number, epoch: number | undefined, entries: WindowEntry[]): void {
    this.#epoch = epoch;
    this.deps.window.advanceTo(end);
    this.#queue = [...entries, ...this.#queue];
    this.#queuedBytes = bytesOf(this.#queue);
    this.#skipMet();
  }

  /**
   * Returns where the next chunk begins; undefined if the partition is revoked, or the consumer stops. Records may be
   * missing between that offset and the first record of the queue.
   */
  async #first(): Promise<number | undefined> {
    const { window } = this.deps;
    if (!this.#begun) {
      const base = await this.deps.consumer.committedStart(window);
      if (base === undefined) return undefined;
      this.#begun = true;
      window.advanceTo(base);
    }
    return window.chainEnd;
  }

  #take(maxRecords?: number): WindowEntry[] {
    const entries = this.#upToLimits(maxRecords);
    this.#queuedBytes -= bytesOf(entries);
    this.#since = this.#pushedAt;
    this.#queue.splice(0, entries.length);
    return entries;
  }

  /**
   * Returns the first records of the queue that fit into a chunk: at least one, if there is any. All have the same
   * leader epoch. If the log loses its end, the chunk then tells which of its records are gone.
   */
  #upToLimits(maxRecords = this.deps.limits.maxRecords): WindowEntry[] {
    const { maxBytes } = this.deps.limits;
    let count = 0;
    let bytes = 0;
    const epoch = this.#queue[0] && epochOf(this.#queue[0]);
    for (const entry of this.#queue) {
      if (count === maxRecords || (count > 0 && bytes + entry.bytes > maxBytes)) break;
      if (epochOf(entry) !== epoch) break;
      count++;
      bytes += entry.bytes;
    }
    return this.#queue.slice(0, count);
  }

  #chunkOf(first: number, entries: WindowEntry[]): ChunkInput {
    const { stream, window } = this.deps;
    const { record } = entries[0]!;
    const { topicId } = window.log;
    const epoch = epochOf(entries[0]!);
    return {
      stream: stream.name,
      topic: window.topic,
      partition: window.partition,
      first,
      last: entries.at(-1)!.record.offset,
      count: entries.length,
      timestamp: record.timestamp,
      firstRecord: record.offset,
      ...(topicId !== undefined && { topicId }),
      ...(epoch !== undefined && { epoch }),
    };
  }

  /**
   * Skips the records of a chunk whose workflow existed. Some of them may be fetched only after the chain has gone on
   * from that chunk.
   *
   * 1. Records of a later leader epoch are not part of the chunk, because the log has lost the end that the chunk had.
   *    The next chunk begins with these records.
   * 2. No code waits between `advanceTo` and this method, because a commit may take the chunk's end at once.
   */
  #skipMet(): void {
    const { window } = this.deps;
    const end = window.chainEnd ?? 0;
    const rest = this.#queue.findIndex(
      (entry) => entry.record.offset >= end || this.#isOfLaterEpoch(entry),
    );
    const next = this.#queue[rest]?.record.offset ?? end;
    if (next < end) window.advanceTo(next);
    if (rest === 0) return;
    const covered = this.#queue.splice(0, rest < 0 ? this.#queue.length : rest);
    for (const entry of covered) this.#skip(entry);
    this.#queuedBytes = bytesOf(this.#queue);
    if (covered.length > 0) this.deps.consumer.finished(window);
  }

  #isOfLaterEpoch(entry: WindowEntry): boolean {
    const epoch = epochOf(entry);
    return this.#epoch !== undefined && epoch !== undefined && epoch > this.#epoch;
  }

  #skip(entry: WindowEntry): void {
    const { stream, window, outcomes } = this.deps;
    const { record } = entry;
    const parsed = parseRecord(stream, record);
    // The chunk that has the record counts it.
    if ('filtered' in parsed) return window.finish(entry);
    const tell = (result: ParseResult) => {
      if ('filtered' in result) return;
      const messageId = result.ok ? result.messageId : null;
      outcomes.duplicate({ ...record, stream: stream.name, messageId }, 'workflow-id');
    };
    if (parsed instanceof Promise) void parsed.then(tell);
    else tell(parsed);
    window.counters.add('checked');
    window.finish(entry, 'workflowId');
  }
}

function epochOf({ window, record }: WindowEntry): number | undefined {
  return window.log.epochAt(record.offset);
}

function bytesOf(entries: WindowEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
