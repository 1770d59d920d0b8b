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
 * Chunks of one stream that may be open in a bridge worker: while one is delivered the next is read and
 * started. More would share the same sink, and each would take the longer; and so many, no more, wait
 * for a sink that is down.
 */
export const MAX_OPEN_CHUNKS = 4;
/** One less than a stream has: a partition whose records fail must leave a place to the others. */
const MAX_OPEN_OF_PARTITION = MAX_OPEN_CHUNKS - 1;

export interface ChunkChainDependencies {
  stream: AnyStream;
  limits: ChunkLimits;
  window: PartitionWindow;
  /** Places for open chunks. */
  open: Slots;
  remembered: ChunkMemory;
  /** Where keys have an order. */
  order: ChunkOrder | undefined;
  start: StartDependencies;
  /** For the records of a chunk that Temporal refuses for good. */
  startOwnWorkflow: StartOwnWorkflow;
  metrics: Metrics;
  logger: Logger;
  outcomes: Pick<Outcomes, 'duplicate' | 'filtered'>;
  consumer: Pick<StreamConsumer, 'finished' | 'committedStart'>;
  onStarting(): void;
  /** Called once for each {@link onStarting}. */
  onFirstTaskOver(): void;
  /** Called when neither a chunk nor a record of it can be started: the process must stop. */
  onFatal(error: unknown): void;
}

/** A chunk that is durable. `complete`: its end becomes committable, and the next one begins there. */
interface StartedChunk {
  workflowId: string;
  complete(): void;
}

/** A chunk that Temporal will never take. */
interface RefusedChunk {
  chunk: ChunkInput;
  entries: WindowEntry[];
  refusal: StartRejectedError;
}

/**
 * The chunks of one partition, started one after the other in the order of offsets; how long each then
 * takes is of no matter to the next, unless keys have an order. Why each record is in exactly one: see
 * `chunkWorkflowIds`.
 */
export class ChunkChain {
  #queue: WindowEntry[] = [];
  #queuedBytes = 0;
  /** When the first of the queue arrived, or some of those behind it. */
  #since = 0;
  #pushedAt = 0;
  readonly #ownOpen = new Slots(MAX_OPEN_OF_PARTITION);
  #running = false;
  #starting: Promise<StartedChunk | undefined> | undefined;
  #begun = false;
  /** Leader epoch of the chunk that ends the chain. Undefined: not known. */
  #epoch: number | undefined;
  #stopped = false;
  /** Aborts when nothing more is to be started. */
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

  /** Resolves when a start under way has been answered or given up; one that waits for a place is none. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#over.abort();
    this.#endWait();
    // What a start fails with, `run` has told.
    await this.#starting?.catch(() => undefined);
  }

  /** Lets go of the records of a partition that is lost. */
  drop(): void {
    this.#queue = [];
    this.#over.abort();
    this.#endWait();
  }

  get #full(): boolean {
    const { maxRecords, maxBytes } = this.deps.limits;
    return this.#queue.length >= maxRecords || this.#queuedBytes >= maxBytes;
  }

  get #ended(): boolean {
    return this.#stopped || this.deps.window.revoked;
  }

  readonly #isOver = () => this.#ended;

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#queue.length > 0 && !this.#ended) {
        await this.#linger();
        await this.deps.order?.ready(() => this.#upToLimits(), this.#isOver);
        // While it waits for a place the chunk grows.
        await this.#ownOpen.acquire();
        await this.deps.open.acquire();
        const started = await (this.#starting = this.#startNext());
        if (!started) continue;
        // Under an order the next chunk, and the commit, wait for the end of this one.
        const { order } = this.deps;
        if (!order || (await order.ended(started.workflowId, this.#isOver))) started.complete();
      }
    } catch (error) {
      if (this.#ended) return;
      // What comes next would leave out what failed.
      this.#stopped = true;
      this.deps.onFatal(error);
    } finally {
      this.#running = false;
    }
  }

  async #linger(): Promise<void> {
    const waitMs = this.#since + this.deps.limits.lingerMs - performance.now();
    if (waitMs <= 0 || this.#full || this.#ended) return;
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
    const { stream, open, remembered, metrics } = this.deps;
    let forget: () => void = () => undefined;
    const release = () => {
      forget();
      open.release();
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
      const result = await startWorkflow(
        this.deps.start,
        startOfChunk(stream, chunk),
        permit,
      ).catch((error: unknown) => {
        if (error instanceof StartRejectedError) return { refusal: error, chunk, entries };
        throw error;
      });
      if ('refusal' in result) return result;
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

  /** Takes the records of the next chunk from the queue once the gate lets it start. Undefined: there is none. */
  async #nextChunk(): Promise<
    { chunk: ChunkInput; entries: WindowEntry[]; permit: StartPermit } | undefined
  > {
    const { window, order, start } = this.deps;
    const first = await this.#first();
    if (first === undefined) this.#stopped = true;
    else if (!this.#ended) this.#skipMet();
    if (first === undefined || this.#ended || this.#queue.length === 0) return undefined;
    const permit = await start.gate.enter(start.signal);
    if (this.#ended || this.#queue.length === 0) {
      permit.unused();
      return undefined;
    }
    const entries = this.#take(permit.probe ? 1 : undefined);
    const after = order?.after(entries) ?? [];
    const chunk = {
      ...this.#chunkOf(window.nextChunkOffset ?? first, entries),
      ...(after.length > 0 && { after }),
    };
    return { chunk, entries, permit };
  }

  /**
   * Otherwise the process would end at this chunk again and again, and with it every other partition. The chain goes
   * on behind each record, and under an order the commit that holds its end lists its workflow.
   */
  async #startSingly({ chunk, entries, refusal }: RefusedChunk): Promise<void> {
    const { stream, start, order, logger } = this.deps;
    const fields = { stream: stream.name, chunk: describeRange(chunk), error: refusal.message };
    logger.error(fields, 'Temporal refuses a chunk; its records get workflows of their own');
    const deps = { ...this.deps, signal: AbortSignal.any([start.signal, this.#over.signal]) };
    const singles = startSingly(deps, entries, chunk.after ?? [], this.#isOver);
    for await (const { entry, tail, skippedBy } of singles) {
      if (tail && !(await order?.left([tail], this.#isOver))) return;
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

  /** The chunk existed, and it may end elsewhere: the chain goes on from its end. */
  #goOnFrom(end: number, epoch: number | undefined, entries: WindowEntry[]): void {
    this.#epoch = epoch;
    this.deps.window.advanceTo(end);
    this.#queue = [...entries, ...this.#queue];
    this.#queuedBytes = bytesOf(this.#queue);
    this.#skipMet();
  }

  /** Where the next chunk begins. Records may be missing between that and the first of the queue. */
  async #first(): Promise<number | undefined> {
    const { window } = this.deps;
    if (!this.#begun) {
      const base = await this.deps.consumer.committedStart(window);
      if (base === undefined) return undefined;
      this.#begun = true;
      window.advanceTo(base);
    }
    return window.nextChunkOffset;
  }

  #take(maxRecords?: number): WindowEntry[] {
    const entries = this.#upToLimits(maxRecords);
    this.#queuedBytes -= bytesOf(entries);
    this.#since = this.#pushedAt;
    this.#queue.splice(0, entries.length);
    return entries;
  }

  /**
   * The first records of the queue that fit a chunk; at least one, if there is any. All are of one leader epoch:
   * if the log loses its end, the chunk then tells which of its records are gone.
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
   * Records of a chunk that was met; some may come only after that. Those of a later leader epoch are none of it: the
   * log has lost the end that the chunk had, and the next one begins with them. Nothing waits before this: the
   * chunk's end may be committed at once.
   */
  #skipMet(): void {
    const { window } = this.deps;
    const end = window.nextChunkOffset ?? 0;
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
    // The chunk that holds the record counts it.
    if ('filtered' in parsed) return window.finish(entry);
    const tell = (result: ParseResult) => {
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
