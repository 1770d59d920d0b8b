import type { ErrorClassifier } from '../errors';
import type { ChunkRange, KafkaRecord, RecordPosition } from '../record/record';
import type { TraceContext } from '../record/trace-context';

/** A record on its way to the sink. */
export interface SinkRecord<Message = unknown> extends KafkaRecord {
  stream: string;
  messageId: string;
  value: Buffer;
  /** The value as the stream's schema gives it. Parsed when first read. */
  readonly message: Message;
  /** Unique to the record, the same in every attempt. */
  workflowId: string;
}

export interface WriteContext {
  /** Aborts when the attempt's time is up or the worker shuts down. */
  signal: AbortSignal;
  /** 1 for the first attempt of this activity. */
  attempt: number;
  /**
   * The span of this attempt, as the parent of what the sink's request causes. Only where tracing is on;
   * else, and for records of chunks, the record's own headers tell its trace.
   */
  trace?: TraceContext;
}

export interface WriteResult {
  /**
   * `written`: the sink holds the record because of this call. `duplicate`: it held the same content
   * under this message id before, from an earlier attempt or from another record.
   */
  outcome: 'written' | 'duplicate';
  /** With `duplicate`: the record that brought the content, where the sink keeps that. */
  writtenBy?: RecordPosition;
  /** Where it lies, for people who trace a message: a path, a URL. */
  location?: string;
}

/** A message as it lies at the sink. */
export interface SinkObject {
  /** For people: a path, a URL; without secrets. */
  location: string;
  bytes: number;
  /** Of the content, in hex. Absent where it is not known. */
  sha256?: string;
  /** The record that brought the content, where the sink keeps that. */
  writtenBy?: RecordPosition;
  writtenAt?: Date;
}

/** What came of a chunk's object. */
export interface ChunkWriteResult extends WriteResult {
  /**
   * Those of the given records that the object does not hold. Each is then written by `write`. Default:
   * none.
   */
  without?: SinkRecord[];
}

/**
 * Where records are delivered. Delivery is at least once, so `write` must be idempotent by
 * `messageId`: the same content again is a `duplicate`, other content a `ContentConflict`.
 */
export interface Sink<Message = unknown> {
  write(record: SinkRecord<Message>, context: WriteContext): Promise<WriteResult>;
  /**
   * Writes all records of a chunk as one object, whole or not at all; used in the chunk lane in place of
   * `write`, which must be there for records that leave their chunk or can't be part of an object.
   * `range` names the object: a second call with the same range is the same chunk again, perhaps with
   * others of its records, as what a process knows to be duplicates is left out. Then the first object
   * stays, the result is `duplicate`, and `without` must list each record that it does not hold:
   * nothing else brings that to the sink.
   */
  writeChunk?(
    records: SinkRecord<Message>[],
    range: ChunkRange,
    context: WriteContext,
  ): Promise<ChunkWriteResult>;
  /**
   * Whether the sink can take records: right credentials, a bucket that is there. Throws what is wrong, and what to
   * mend. A bridge worker asks before the stream consumes, and again until it passes; records stay in Kafka
   * meanwhile. Must not leave anything that `stored` gives.
   */
  check?(signal: AbortSignal): Promise<void>;
  /** Maps errors of the sink's client library; `undefined` for one it does not know. */
  classify?: ErrorClassifier;
  /**
   * What the sink holds of a message in an object of its own; undefined where there is none.
   * `cloudsync trace` asks it, and `cloudsync dlq replay` before it sends a record back: not where `sha256`
   * is that of the record's value.
   */
  find?(messageId: string): Promise<SinkObject | undefined>;
  /** Every record value the sink holds, in any order; `cloudsync reconcile` needs it. */
  stored?(): AsyncIterable<Buffer>;
  close?(): Promise<void>;
}

/** A sink in its shortest form. Must be idempotent by `messageId`, as {@link Sink} says. */
export type DeliverFunction<Message = unknown> = (
  record: SinkRecord<Message>,
  context: WriteContext,
) => Promise<WriteResult | void>;
