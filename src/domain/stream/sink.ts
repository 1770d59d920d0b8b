import type { ErrorClassifier } from '../errors';
import type { ChunkRange, KafkaRecord, RecordPosition } from '../record/record';
import type { TraceContext } from '../record/trace-context';

/** A record on its way to the sink. */
export interface SinkRecord<Message = unknown> extends KafkaRecord {
  /** Name of the stream. */
  stream: string;
  /** The message's id, by which the sink must be idempotent. */
  messageId: string;
  /** The record's own bytes; never null, as a record without a value is no message. */
  value: Buffer;
  /** The value after the stream's schema has checked it. It is parsed when it is first read. */
  readonly message: Message;
  /** Unique to the record, and the same in every attempt. */
  workflowId: string;
}

/** What a sink gets to know of an attempt. */
export interface WriteContext {
  /** Aborts when the attempt's time is up or the worker shuts down. */
  signal: AbortSignal;
  /** 1 for the first attempt of this activity. */
  attempt: number;
  /**
   * The span of this attempt, as the parent of the sink's requests. Present only if tracing is on. Absent for
   * `write` of a chunk's record: there, as without tracing, the record's own headers say which trace it
   * belongs to.
   */
  trace?: TraceContext;
}

/** What came of an attempt that did not fail. An attempt that fails throws, best a {@link DeliveryError}. */
export interface WriteResult {
  /**
   * `written`: the sink has the record because of this call. `duplicate`: the sink already had the same
   * content under this message id, from an earlier attempt or from another record.
   */
  outcome: 'written' | 'duplicate';
  /** With `duplicate`: the record that delivered the content, if the sink stores that position. */
  writtenBy?: RecordPosition;
  /** Where the message is stored, for people who trace it: a path or a URL. */
  location?: string;
}

/** A message as the sink stores it. */
export interface SinkObject {
  /** Where the message is stored, for people: a path or a URL, without secrets. */
  location: string;
  /** Length of the content. */
  bytes: number;
  /** SHA-256 of the content, in hex. Absent if it is not known. */
  sha256?: string;
  /** The record that delivered the content, if the sink stores that position. */
  writtenBy?: RecordPosition;
  /** When the content was written. Absent where the sink does not keep that. */
  writtenAt?: Date;
}

/** The result of writing a chunk's object. */
export interface ChunkWriteResult extends WriteResult {
  /**
   * The given records that the object does not contain. Each of them is then written by `write`. Default:
   * none.
   */
  without?: SinkRecord[];
}

/**
 * Where records are delivered. Delivery is at least once, so `write` must be idempotent by `messageId`: the
 * same content again is a `duplicate`, other content is a `ContentConflict`.
 */
export interface Sink<Message = unknown> {
  /**
   * Makes one attempt to deliver a record. Throws a {@link DeliveryError}, or any error, which `classify` may map; an error
   * that nobody knows counts as `Transient`, and the record is tried again.
   */
  write(record: SinkRecord<Message>, context: WriteContext): Promise<WriteResult>;
  /**
   * Writes all records of a chunk as one object, whole or not at all. The chunk lane uses it in place of
   * `write`. The sink still needs `write` for records that leave their chunk or can't be part of an object.
   *
   * `range` names the object. A second call with an equal range is for the same chunk again, perhaps with
   * other records of it: a process skips the records that it knows to be duplicates. Then the first object
   * stays, and the result is `duplicate`. `without` must list each record that the object does not contain:
   * nothing else delivers such a record.
   */
  writeChunk?(
    records: SinkRecord<Message>[],
    range: ChunkRange,
    context: WriteContext,
  ): Promise<ChunkWriteResult>;
  /**
   * Checks whether the sink can accept records: for example, that credentials are right and that a bucket
   * exists. Throws an error that says what is wrong and how to repair it. A bridge worker calls it before the
   * stream consumes, and again until it passes; meanwhile records stay in Kafka. It must not leave anything
   * that `stored` would return.
   */
  check?(signal: AbortSignal): Promise<void>;
  /** Maps errors of the sink's client library. Returns `undefined` for an error that it does not know. */
  classify?: ErrorClassifier;
  /**
   * Finds the object in which the sink stores a message; undefined if the message has no object of its own.
   * `cloudsync trace` calls it. `cloudsync dlq replay` calls it before it sends a record back: it does not
   * send the record if `sha256` is the hash of the record's value.
   */
  find?(messageId: string): Promise<SinkObject | undefined>;
  /** Yields every record value that the sink has, in any order. `cloudsync reconcile` needs it. */
  stored?(): AsyncIterable<Buffer>;
  /** Releases what the sink holds open. Called once, when the process ends. */
  close?(): Promise<void>;
}

/** A sink in its shortest form. It must be idempotent by `messageId`, like {@link Sink}. */
export type DeliverFunction<Message = unknown> = (
  record: SinkRecord<Message>,
  context: WriteContext,
) => Promise<WriteResult | void>;
