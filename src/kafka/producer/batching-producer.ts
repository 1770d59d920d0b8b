import { LinearGrouping } from './linear-grouping';

/** A record to produce. The producer keeps its bytes, without a copy, until the broker has answered. */
export interface OutgoingRecord {
  key: Buffer;
  value: Buffer;
  headers?: Record<string, string>;
}

/** The result of one call. */
export interface Acknowledgement {
  /**
   * The records that the broker has not acknowledged, by their positions in the call's list. Empty if all is well.
   */
  missing: number[];
  /** The latest reason why records are missing; absent if none is missing. */
  reason?: string;
}

export interface BatchingProducerOptions {
  /** Sends the records in one request; resolves when all in-sync replicas have them. */
  send: (records: OutgoingRecord[]) => Promise<unknown>;
  /** Whether the same batch may succeed later. */
  isRetriable: (error: unknown) => boolean;
  /** The reason that callers get. Only `onFailure` gets the error itself. */
  reasonOf: (error: unknown) => string;
  limits: BatchingLimits;
  onQueue?: (records: number, bytes: number) => void;
  onBatch?: (records: number) => void;
  onFailure?: (error: unknown, records: number) => void;
}

export interface BatchingLimits {
  /** A batch is sent when it has this many records. */
  batchRecords: number;
  /** A batch is sent before it exceeds this many bytes, which must be less than a broker accepts in one batch. */
  batchBytes: () => number;
  /** A batch is sent when its first record has waited this long, in milliseconds. */
  lingerMs: number;
  /** How many batches may be under way at once. */
  inFlight: number;
  /** Limits of the records that were accepted and not yet answered: their number, and their bytes in a request. */
  queueRecords: number;
  queueBytes: number;
  /** How long a call waits for its acknowledgement, in milliseconds. */
  deliveryTimeoutMs: number;
}

/** Thrown by `send` if there is no room for the records; none of them was accepted. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** Records of one call in one batch: the positions `from <= position < to`. */
interface Part {
  call: Call;
  from: number;
  to: number;
}
interface Batch {
  records: LinearGrouping<OutgoingRecord>;
  bytes: number;
  parts: Part[];
}

const RETRY_PAUSE_MS = 200;
/** How long a failure counts. A process that is not ready gets no requests, but must become ready again. */
const RECENT_MS = 15_000;

/**
 * Gathers records of many calls into batches, several of which are under way at once. A batch that fails is sent
 * again while a call waits for it. So a record may be on the topic twice, but an acknowledged record is always
 * there.
 */
export class BatchingProducer {
  readonly #options: BatchingProducerOptions;
  readonly #calls = new Set<Call>();
  readonly #waiting: Batch[] = [];
  #open: Batch | undefined;
  #linger: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #timeoutMs: number;
  #failure: { reason: string; at: number } | undefined;
  #onIdle: (() => void) | undefined;
  /** Records and bytes that were accepted and not yet answered by the broker. */
  records = 0;
  bytes = 0;

  constructor(options: BatchingProducerOptions) {
    this.#options = options;
    this.#timeoutMs = options.limits.deliveryTimeoutMs;
  }

  get full(): boolean {
    const { queueRecords, queueBytes } = this.#options.limits;
    return this.records >= queueRecords || this.bytes >= queueBytes;
  }

  /** Why the latest try failed; `undefined` if it succeeded, or once the failure is 15 s old. */
  get recentFailure(): string | undefined {
    const { reason, at } = this.#failure ?? { at: -Infinity };
    return performance.now() - at < RECENT_MS ? reason : undefined;
  }

  /**
   * Resolves when every record is acknowledged or given up, at the latest after the delivery timeout. Throws a
   * {@link QueueFullError} if there is no room; an empty queue accepts any number of records.
   */
  send(records: OutgoingRecord[]): Promise<Acknowledgement> {
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
    const { queueRecords, queueBytes } = this.#options.limits;
    const fits = this.records + records.length <= queueRecords && this.bytes + bytes <= queueBytes;
    if (!fits && this.records > 0) throw new QueueFullError('the queue is full');
    this.#count(records.length, bytes);
    return new Promise((resolve) => {
      const call = new Call(records.length, this.#timeoutMs, (answer) => {
        this.#calls.delete(call);
        resolve(answer);
      });
      this.#calls.add(call);
      records.forEach((record, index) => this.#add(record, call, index));
      this.#linger ??= this.#open && setTimeout(() => this.#seal(), this.#options.limits.lingerMs);
    });
  }

  /** Answers every call, present and future, within `timeoutMs` milliseconds. */
  hurry(timeoutMs: number): void {
    this.#timeoutMs = Math.min(this.#timeoutMs, timeoutMs);
    const expire = () => this.#calls.forEach((call) => call.expire());
    setTimeout(expire, timeoutMs).unref();
  }

  /** Sends all waiting records, and resolves when nothing is under way. */
  async drain(): Promise<void> {
    this.#seal();
    if (this.records > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #count(records: number, bytes: number): void {
    this.records += records;
    this.bytes += bytes;
    this.#options.onQueue?.(this.records, this.bytes);
  }

  #add(record: OutgoingRecord, call: Call, index: number): void {
    const { batchRecords, batchBytes } = this.#options.limits;
    const size = sizeOf(record);
    if (this.#open && this.#open.bytes + size > batchBytes()) this.#seal();
    const batch = (this.#open ??= { records: new LinearGrouping(), bytes: 0, parts: [] });
    batch.records.push(record);
    batch.bytes += size;
    const part = batch.parts.at(-1);
    if (part?.call === call) part.to = index + 1;
    else batch.parts.push({ call, from: index, to: index + 1 });
    if (batch.records.length >= batchRecords) this.#seal();
  }

  #seal(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    if (this.#open) this.#waiting.push(this.#open);
    this.#open = undefined;
    this.#pump();
  }

  #pump(): void {
    while (this.#inFlight < this.#options.limits.inFlight) {
      const batch = this.#waiting.shift();
      if (!batch) break;
      this.#inFlight++;
      void this.#deliver(batch).finally(() => {
        this.#inFlight--;
        this.#count(-batch.records.length, -batch.bytes);
        if (this.records === 0) this.#onIdle?.();
        this.#pump();
      });
    }
  }

  /** Never rejects. */
  async #deliver({ records, parts }: Batch): Promise<void> {
    const { send, isRetriable, reasonOf, onBatch, onFailure } = this.#options;
    while (parts.some(({ call }) => !call.answered)) {
      try {
        await send(records);
        this.#failure = undefined;
        onBatch?.(records.length);
        for (const { call, from, to } of parts) call.settle(from, to);
        return;
      } catch (error) {
        const reason = reasonOf(error);
        this.#failure = { reason, at: performance.now() };
        onFailure?.(error, records.length);
        if (!isRetriable(error)) {
          for (const { call, from, to } of parts) call.settle(from, to, reason);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      }
    }
  }
}

/** The records of one call, with one promise for all of them. */
class Call {
  answered = false;
  readonly #timer: NodeJS.Timeout;
  readonly #acknowledged: Pick<Part, 'from' | 'to'>[] = [];
  #pending: number;
  #reason: string | undefined;

  constructor(
    readonly count: number,
    timeoutMs: number,
    readonly answer: (acknowledgement: Acknowledgement) => void,
  ) {
    this.#pending = count;
    // The timer does not have to keep the process alive, because the connection of the request does.
    this.#timer = setTimeout(() => this.expire(), timeoutMs).unref();
  }

  settle(from: number, to: number, reason?: string): void {
    if (this.answered) return;
    if (reason === undefined) this.#acknowledged.push({ from, to });
    else this.#reason = reason;
    this.#pending -= to - from;
    if (this.#pending === 0) this.#finish();
  }

  expire(): void {
    if (this.answered) return;
    this.#reason = 'Kafka did not answer in time';
    this.#finish();
  }

  #finish(): void {
    this.answered = true;
    clearTimeout(this.#timer);
    if (this.#reason === undefined) return this.answer({ missing: [] });
    const missing = new Set(Array.from({ length: this.count }, (_, index) => index));
    for (const { from, to } of this.#acknowledged) {
      for (let index = from; index < to; index++) missing.delete(index);
    }
    this.answer({ missing: [...missing], reason: this.#reason });
  }
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = key.length + value.length + RECORD_OVERHEAD_BYTES;
  for (const name in headers) bytes += name.length + headers[name]!.length + HEADER_OVERHEAD_BYTES;
  return bytes;
}

/** The most bytes that the lengths and numbers of a record, or of a header, take. */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;
