import { classifyError, isRetryable, type DeliveryFailure } from '../../domain/errors';
import type { ChunkWriteResult, WriteContext } from '../../domain/stream/sink';
import { withTimeLimit } from '../attempt/time-limit';
import { isOwnWrite } from '../record/deliver';
import type { ChunkAttempt } from './chunk-attempt';
import type { Candidate, ChunkRecords } from './chunk-records';
import type { ChunkDependencies } from './dependencies';
import type { MessageLocks } from './message-locks';

/** Calls the sink for records of a chunk, and settles the records that the sink then holds. */
export class SinkWriter {
  constructor(
    private readonly deps: Pick<ChunkDependencies, 'stream' | 'events'>,
    private readonly attempt: ChunkAttempt,
    private readonly records: ChunkRecords,
    private readonly locks: MessageLocks,
  ) {}

  /** Whether the sink takes all records of a chunk as one object. */
  get writesObjects(): boolean {
    return this.deps.stream.sink.writeChunk !== undefined;
  }

  /** Writes one record; resolves with why it is not at the sink. */
  writeRecord(candidate: Candidate): Promise<DeliveryFailure | undefined> {
    const { sink } = this.deps.stream;
    return this.#call([candidate], (context) => sink.write(candidate.record, context));
  }

  /**
   * Writes the records as the chunk's object; resolves with the records that the object does not hold, or with why
   * it could not be written.
   */
  async writeObject(candidates: Candidate[]): Promise<Candidate[] | DeliveryFailure> {
    const { sink } = this.deps.stream;
    const { chunk, trace } = this.attempt;
    const records = candidates.map(({ record }) => record);
    const failure = await this.#call(candidates, (context) =>
      sink.writeChunk!(records, chunk, { ...context, ...(trace && { trace }) }),
    );
    return failure ?? candidates.filter(({ record }) => !this.records.isSettled(record));
  }

  async #call(
    candidates: Candidate[],
    write: (context: WriteContext) => Promise<ChunkWriteResult>,
  ): Promise<DeliveryFailure | undefined> {
    const { stream, events } = this.deps;
    const { number, retry, cancellation } = this.attempt;
    const started = performance.now();
    try {
      const limitMs = Math.min(retry.attemptTimeoutMs, this.attempt.timeLeftMs());
      if (limitMs <= 0) throw this.attempt.unfinished();
      const result = await withTimeLimit(limitMs, (signal) => write({ signal, attempt: number }));
      events.attemptSucceeded(candidates[0]!.record, (performance.now() - started) / 1_000);
      this.#settleWritten(candidates, result);
      return undefined;
    } catch (error) {
      // The worker shuts down, or another attempt has taken over.
      cancellation.throwIfAborted();
      // The attempt's time is up: not the fault of the records.
      if (this.attempt.timeLeftMs() <= 0) throw this.attempt.unfinished();
      for (const candidate of candidates) candidate.attempts++;
      const failure = classifyError(error, (e) => stream.sink.classify?.(e));
      // Report one failed attempt, as one successful attempt above, however many records share the object.
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
      const { record } = candidate;
      if (without.has(record)) continue;
      candidate.attempts++;
      this.locks.release(candidate, true);
      const duplicate =
        result.outcome === 'duplicate' && !isOwnWrite(result, record, candidate.attempts);
      if (duplicate) this.records.skip(candidate, 'sink');
      else if (this.records.settle(record)) delivered++;
    }
    this.deps.events.delivered(this.attempt.chunk.partition, delivered);
  }
}
