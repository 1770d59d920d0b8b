import { ApplicationFailure, Context, sleep } from '@temporalio/activity';
import type { ChunkInput } from '../../domain/workflow/chunk';
import type { ChunkProgress } from '../../domain/workflow/chunk-progress';
import { contentKey } from '../../domain/workflow/content-key';
import { classifyError, isRetryable, type DeliveryFailure } from '../../domain/errors';
import type { Parsed } from '../../domain/workflow/parse';
import { describePosition, type KafkaRecord } from '../../domain/record/record';
import {
  fitsWorkflow,
  startOfInvalidRecord,
  startOfRecord,
  type RecordStart,
} from '../../domain/workflow/record-start';
import type { RetryPolicy } from '../../domain/stream/retry-policy';
import type { ChunkWriteResult, SinkRecord, WriteContext } from '../../domain/stream/sink';
import type { TraceContext } from '../../domain/record/trace-context';
import { recordWorkflowId } from '../../domain/record/workflow-id';
import { attemptFailure, usableDelay } from '../attempt/attempt-failure';
import { isOwnWrite } from '../record/deliver';
import type { ChunkDependencies } from './dependencies';
import { eachOf } from '../../lib/each-of';
import { parseAll } from './parse-all';
import { withTimeLimit } from '../attempt/time-limit';

/** Writes at once, and starts at once of records that leave the chunk. */
export const CONCURRENCY = 32;

/** Up to so many records of a chunk may leave it for failing, even if that is most of those tried. */
export const FEW = 10;

/**
 * Attempts of a chunk after which its few records leave it although the sink took none of them: it may
 * be their fault, and those behind them wait.
 */
const PATIENCE = 5;

export const FAST_RETRY_INTERVAL_MS = 100;
/** The activity ends this much before its time is up, so that its own error arrives first. */
const DEADLINE_MARGIN_MS = 500;

/** A record on its way, with its place in the recent layer. */
export interface Candidate {
  record: SinkRecord;
  lock: string;
  owner: string;
  /** Attempts made at the sink, those of earlier attempts at the chunk included as far as known. */
  attempts: number;
}

export interface Failed {
  candidate: Candidate;
  failure: DeliveryFailure;
}

let attempts = 0;

/** One attempt in which records are brought to the sink side by side. */
export class ChunkAttempt {
  readonly #number = ++attempts;
  readonly #signal = Context.current().cancellationSignal;
  protected readonly info = Context.current().info;
  readonly #deadline = performance.now() + this.info.startToCloseTimeoutMs - DEADLINE_MARGIN_MS;
  protected readonly locked = new Set<Candidate>();

  constructor(
    protected readonly deps: ChunkDependencies,
    protected readonly chunk: ChunkInput,
    protected readonly retry: RetryPolicy,
    protected readonly progress: ChunkProgress,
    private readonly trace: TraceContext | undefined,
  ) {}

  async run(): Promise<void> {
    try {
      const { fresh, waiting } = await this.#sort();
      await this.#settle(fresh, await this.#write(fresh));
      // After those of this chunk, so that no two chunks wait for each other.
      for (const candidate of waiting) await this.#settleWaiting(candidate);
    } finally {
      for (const candidate of this.locked) this.unlock(candidate, false);
    }
  }

  /** Locks what is new, skips what was delivered, and hands on what can't be read. */
  async #sort(): Promise<{ fresh: Candidate[]; waiting: Candidate[] }> {
    const { stream } = this.deps;
    const fresh: Candidate[] = [];
    const waiting: Candidate[] = [];
    const starts: [RecordStart, KafkaRecord][] = [];
    let checked = 0;
    const { leaving } = this.progress;
    for (const [record, parsed] of await this.parsed()) {
      if (!parsed.ok) {
        starts.push([startOfInvalidRecord(stream, record, parsed.reason), record]);
        continue;
      }
      if (leaving.has(record.offset)) {
        starts.push([startOfRecord(stream, record, parsed.messageId, this.earlier), record]);
        continue;
      }
      const candidate = this.candidate(record, parsed.messageId, parsed.message);
      const verdict = this.enter(candidate);
      checked++;
      if (verdict === 'duplicate') this.skip(candidate, 'recent');
      else (verdict === 'new' ? fresh : waiting).push(candidate);
    }
    this.deps.events.checked(this.chunk.partition, checked);
    await eachOf(CONCURRENCY, starts, async ([start, record]) => {
      await this.handOn(start, record);
    });
    return { fresh, waiting };
  }

  /**
   * The records that need something from this attempt. Those that the stream passes by are settled. Throws when
   * one can't be decoded for now: that is no record's fault, and the attempt is made again.
   */
  protected async parsed(): Promise<[KafkaRecord, Parsed][]> {
    const { stream, events } = this.deps;
    const { partition } = this.chunk;
    const { settled } = this.progress;
    const records = this.progress.records.filter(({ offset }) => !settled.has(offset));
    const results = await withTimeLimit(
      Math.max(this.timeLeft(), 1),
      () => parseAll(stream, records),
      () => this.unfinished(),
    );
    const parsed: [KafkaRecord, Parsed][] = [];
    const filtered: KafkaRecord[] = [];
    for (const [index, record] of records.entries()) {
      const result = results[index]!;
      if ('failing' in result) {
        const { failing } = result;
        events.decoding(partition, failing.message);
        const message = `${describePosition(record)} can't be decoded for now: ${failing.message}`;
        throw attemptFailure({ ...failing, message });
      }
      if ('filtered' in result) filtered.push(record);
      else parsed.push([record, result]);
    }
    events.decoding(partition, undefined);
    for (const record of filtered) if (this.#settled(record)) this.progress.filtered++;
    return parsed;
  }

  protected candidate(record: KafkaRecord, messageId: string, message: unknown): Candidate {
    const { stream } = this.deps;
    const value = record.value!;
    const { topic, partition, offset, timestamp, key, headers } = record;
    // A spread or a getter here is a tenth of the time that the bridge worker has for a record.
    const sinkRecord: SinkRecord = {
      topic,
      partition,
      offset,
      timestamp,
      key,
      value,
      headers,
      stream: stream.name,
      messageId,
      message,
      workflowId: '',
    };
    sinkRecord.workflowId = recordWorkflowId(stream.workflowId, sinkRecord);
    return {
      record: sinkRecord,
      lock: contentKey(messageId, value),
      owner: `${record.offset}#chunk${this.#number}`,
      attempts: this.earlier,
    };
  }

  /** Attempts at the chunk before this one: a regular one follows one from memory. */
  protected get earlier(): number {
    const { attempt, isLocal } = this.info;
    return attempt - (isLocal ? 1 : 0);
  }

  protected enter(candidate: Candidate): 'new' | 'duplicate' | 'in flight' {
    const verdict = this.deps.recent.enter(candidate.lock, candidate.owner);
    if (verdict === 'new') this.locked.add(candidate);
    return verdict;
  }

  protected unlock(candidate: Candidate, delivered: boolean): void {
    if (!this.locked.delete(candidate)) return;
    this.deps.recent.leave(candidate.lock, candidate.owner, delivered);
  }

  /** Writes the records and settles those that are at the sink; returns the others. */
  async #write(fresh: Candidate[]): Promise<Failed[]> {
    if (fresh.length === 0 || !this.deps.stream.sink.writeChunk) return this.#writeRecords(fresh);
    const result = await this.writeObject(fresh);
    if (Array.isArray(result)) return this.#writeRecords(result);
    // An object that is refused for good: each record by itself shows which of them is at fault.
    if (!isRetryable(result.type)) return this.#writeRecords(fresh);
    throw objectFailure(fresh, result);
  }

  async #writeRecords(fresh: Candidate[]): Promise<Failed[]> {
    const beyond: Failed[] = [];
    let open = fresh;
    for (let round = 1; ; round++) {
      const failed = await this.#writeEach(open);
      const again = failed.filter(({ failure }) => failure.type === 'Transient');
      beyond.push(...failed.filter(({ failure }) => failure.type !== 'Transient'));
      const enough = round >= this.retry.fastAttempts || this.timeLeft() < FAST_RETRY_INTERVAL_MS;
      if (again.length === 0 || enough || isMost(again, fresh)) return [...beyond, ...again];
      await sleep(FAST_RETRY_INTERVAL_MS);
      open = again.map(({ candidate }) => candidate);
    }
  }

  async #writeEach(candidates: Candidate[]): Promise<Failed[]> {
    const failed: Failed[] = [];
    await eachOf(CONCURRENCY, candidates, async (candidate) => {
      const { record } = candidate;
      const result = await this.tryWrite([candidate], (context) =>
        this.deps.stream.sink.write(record, context),
      );
      if (!('outcome' in result)) failed.push({ candidate, failure: result });
    });
    return failed;
  }

  /** The records that the chunk's object does not hold, or why it could not be written. */
  protected async writeObject(candidates: Candidate[]): Promise<Candidate[] | DeliveryFailure> {
    const records = candidates.map(({ record }) => record);
    const trace = this.trace && { trace: this.trace };
    const result = await this.tryWrite(candidates, (context) =>
      this.deps.stream.sink.writeChunk!(records, this.chunk, { ...context, ...trace }),
    );
    if (!('outcome' in result)) return result;
    return candidates.filter(({ record }) => !this.progress.settled.has(record.offset));
  }

  /** One call of the sink for these records; settles those it holds then. */
  protected async tryWrite(
    candidates: Candidate[],
    write: (context: WriteContext) => Promise<ChunkWriteResult>,
  ): Promise<ChunkWriteResult | DeliveryFailure> {
    const { stream, events } = this.deps;
    const started = performance.now();
    const { attempt } = this.info;
    try {
      const limitMs = Math.min(this.retry.attemptTimeoutMs, this.timeLeft());
      if (limitMs <= 0) throw this.unfinished();
      const result = await withTimeLimit(limitMs, (signal) => write({ signal, attempt }));
      events.attemptSucceeded(candidates[0]!.record, (performance.now() - started) / 1_000);
      this.#settleWritten(candidates, result);
      return result;
    } catch (error) {
      // The worker shuts down, or another attempt has taken over.
      this.#signal.throwIfAborted();
      // No fault of the record's.
      if (this.timeLeft() <= 0) throw this.unfinished();
      for (const candidate of candidates) candidate.attempts++;
      const failure = classifyError(error, (e) => stream.sink.classify?.(e));
      // One attempt, as above, however many records share its object.
      if (isRetryable(failure.type)) {
        const { record, attempts } = candidates[0]!;
        events.attemptFailed(record, failure.type, failure.message, attempts);
      }
      return failure;
    }
  }

  #settleWritten(candidates: Candidate[], result: ChunkWriteResult): void {
    const without = new Set(result.without);
    let delivered = 0;
    for (const candidate of candidates) {
      if (without.has(candidate.record)) continue;
      candidate.attempts++;
      this.unlock(candidate, true);
      const duplicate =
        result.outcome === 'duplicate' && !isOwnWrite(result, candidate.record, candidate.attempts);
      if (duplicate) this.skip(candidate, 'sink');
      else if (this.#settled(candidate.record)) delivered++;
    }
    this.deps.events.delivered(this.chunk.partition, delivered);
  }

  /** Hands on what failed, or throws where that would flood the server. */
  async #settle(attempted: Candidate[], failed: Failed[]): Promise<void> {
    const passing = failed.filter(({ failure }) => isRetryable(failure.type));
    const forGood = failed.filter(({ failure }) => !isRetryable(failure.type));
    await eachOf(CONCURRENCY, forGood, ({ candidate }) => this.#leave(candidate));
    if (isMost(passing, attempted)) throw failureOfMost(attempted.length, passing);
    // Of a few records none may get through for as long as the sink is down.
    const staying = passing.filter((one) => this.stays(one, !this.tookAny));
    const parting = passing.filter((one) => !staying.includes(one));
    await eachOf(CONCURRENCY, parting, ({ candidate }) => this.#leave(candidate));
    if (staying.length > 0) throw failureOfMost(attempted.length, staying);
  }

  /** Whether the next attempt at the chunk tries the record again; `patient`: as the sink may be at fault. */
  protected stays({ candidate: { record } }: Failed, patient: boolean): boolean {
    const { maximumAttempts } = this.retry;
    if (patient && this.earlier < Math.min(PATIENCE, maximumAttempts)) return true;
    // One that does not fit a workflow can't be tried there again.
    return this.earlier < maximumAttempts && !fitsWorkflow(record);
  }

  /** Whether the sink has taken any record of this chunk, as far as known here. */
  protected get tookAny(): boolean {
    const { settled, duplicates, handedOn, filtered } = this.progress;
    return settled.size > duplicates + handedOn + filtered;
  }

  /** A copy of a message in flight: skipped when that is delivered, else it has its own turn. */
  async #settleWaiting(candidate: Candidate): Promise<void> {
    const { recent, events } = this.deps;
    for (;;) {
      // By an attempt at this chunk that had not ended.
      if (this.progress.settled.has(candidate.record.offset)) return;
      const verdict = this.enter(candidate);
      if (verdict === 'duplicate') return this.skip(candidate, 'recent');
      if (verdict === 'new') break;
      events.waiting(candidate.record);
      await withTimeLimit(
        Math.max(this.timeLeft(), 1),
        () => recent.freed(candidate.lock),
        () => this.unfinished(),
      );
    }
    // The chunk's object, if there is one, is written.
    return this.#settle([candidate], await this.#writeRecords([candidate]));
  }

  /** The record goes on in the record lane. */
  async #leave(candidate: Candidate): Promise<void> {
    const { record, attempts } = candidate;
    const start = startOfRecord(this.deps.stream, record, record.messageId, attempts);
    await this.handOn(start, record);
    this.unlock(candidate, false);
  }

  /**
   * Resolves with the id of the record's workflow; undefined where an attempt whose time was up has settled
   * the record after all.
   */
  protected async handOn(start: RecordStart, record: KafkaRecord): Promise<string | undefined> {
    this.progress.leaving.add(record.offset);
    const workflowId = await withTimeLimit(
      Math.max(this.timeLeft(), 1),
      (signal) => this.deps.handOn(start, record, signal),
      () => this.unfinished(),
    );
    if (!this.#settled(record)) return undefined;
    this.progress.handedOn++;
    return workflowId;
  }

  protected skip({ record }: Candidate, layer: 'recent' | 'sink'): void {
    if (!this.#settled(record)) return;
    this.progress.duplicates++;
    this.deps.events.duplicate(record, layer);
  }

  /** False if an attempt whose time was up has settled it after all. */
  #settled({ offset }: KafkaRecord): boolean {
    const { settled } = this.progress;
    return settled.size !== settled.add(offset).size;
  }

  /** The next attempt goes on where this one ends. */
  protected unfinished(): ApplicationFailure {
    const { settled, records } = this.progress;
    const message = `${settled.size} of ${records.length} records are settled, and the time is up`;
    return ApplicationFailure.create({ type: 'Unfinished', message });
  }

  protected timeLeft(): number {
    return this.#deadline - performance.now();
  }
}

/** More than a few, and more than half: it is the sink that fails, not the records. */
export function isMost(failed: readonly unknown[], attempted: readonly unknown[]): boolean {
  return failed.length > Math.max(FEW, attempted.length / 2);
}

/**
 * The object failed for now: none of its records may leave the chunk for that, however few they are. A
 * write that has timed out can still take effect, and would store them a second time.
 */
export function objectFailure(
  candidates: Candidate[],
  failure: DeliveryFailure,
): ApplicationFailure {
  return failureOfMost(
    candidates.length,
    candidates.map((candidate) => ({ candidate, failure })),
  );
}

/** The most frequent failure, for the whole chunk. */
export function failureOfMost(attempted: number, failed: Failed[]): ApplicationFailure {
  const counts = new Map<string, number>();
  for (const { failure } of failed) counts.set(failure.type, (counts.get(failure.type) ?? 0) + 1);
  const [type] = [...counts].sort(([, a], [, b]) => b - a)[0]!;
  const { failure } = failed.find((one) => one.failure.type === type)!;
  const retryAfterMs = Math.max(...failed.map((one) => usableDelay(one.failure) ?? 0));
  const message = `${failed.length} of ${attempted} records failed: ${failure.message}`;
  return attemptFailure({ ...failure, message, retryAfterMs });
}
