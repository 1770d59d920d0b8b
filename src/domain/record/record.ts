import type { ErrorTypeFacts } from '../errors';
import { decodeBytes, encodeBytes, type EncodedBytes } from './encoded-bytes';
import { MAX_MESSAGE_ID_LENGTH } from './message';

/** The position of a record in Kafka. Offsets are integers below 2^53. */
export interface RecordPosition {
  /** Name of the topic. */
  topic: string;
  /** Number of the partition, from 0. */
  partition: number;
  /** Offset in the partition, from 0. */
  offset: number;
}

/** One Kafka record with its own bytes. `null` and empty bytes stay distinct for key, value and headers. */
export interface KafkaRecord extends RecordPosition {
  /**
   * Milliseconds since the epoch, as the broker stores the timestamp. Beyond 2^53 it is the nearest number.
   */
  timestamp: number;
  /**
   * The timestamp in decimal digits, if `timestamp` is not exact: for example, if a producer has written
   * nanoseconds. Absent if `timestamp` is exact.
   */
  exactTimestamp?: string | undefined;
  /** The key's bytes; null: the record has none. */
  key: Buffer | null;
  /** The value's bytes; null: the record has none (a tombstone). */
  value: Buffer | null;
  /** In the order of the record; a name may occur more than once. */
  headers: [name: string, value: Buffer | null][];
  /** Bytes of the headers as Kafka stores them. Absent: not counted, or the record has no headers. */
  readonly headerBytes?: number | undefined;
  /**
   * Why the bytes of this record can't be read. The record then stands for a whole batch: its value is the
   * batch as the broker stores it, and its offset is the first offset of the batch. Absent for every other
   * record.
   */
  unreadable?: string | undefined;
}

/** The bytes that a record takes in memory: its key, its value and its headers. */
export function bytesOf({ key, value, headerBytes = 0 }: KafkaRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes;
}

/**
 * A record's bytes inside a workflow's input. A record that is too large for Temporal, or that Temporal has
 * rejected, is passed by reference: code that needs its bytes reads them from Kafka again.
 */
export type RecordContent =
  | {
      /** The key; null: the record has none. */
      key: EncodedBytes | null;
      /** The value; null: the record has none. */
      value: EncodedBytes | null;
      /** The headers, in the order of the record. */
      headers: [name: string, value: EncodedBytes | null][];
    }
  | {
      /** Always true: the bytes are in Kafka, at the record's position. */
      byReference: true;
      /** Length of the record's key and value, in bytes, without the headers. */
      bytes: number;
    };

/**
 * The input that every workflow of a stream gets about its record, whether or not the record could be parsed.
 */
export interface RecordEnvelope extends RecordPosition {
  /** Name of the stream. */
  stream: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** See {@link KafkaRecord}. */
  exactTimestamp?: string | undefined;
  /** The record's key, value and headers, or that they are to be read from Kafka. */
  content: RecordContent;
  /**
   * Id of the predecessor: the workflow of the previous record in this record's order, which may not have
   * ended. This workflow first waits for the predecessor's end. Absent: there is no predecessor, or the
   * predecessor has ended.
   */
  after?: string;
}

/** Input of `deliverRecord` and of a user's own record workflow. The record has a valid message id. */
export interface RecordInput extends RecordEnvelope {
  /** The message's id, as the stream gives it. */
  messageId: string;
  /** Attempts at the sink that a chunk made before this workflow. Absent: none. */
  earlierAttempts?: number;
}

/** Why a record could not become a message. */
export interface InvalidReason {
  type: InvalidRecordType;
  message: string;
}

const INVALID_RECORD = 'no, `invalidRecord`';

/** The types of {@link InvalidReason}. No other attempt is made: the workflow `invalidRecord` dead-letters the record. */
export const INVALID_RECORD_TYPES = {
  NullValue: { givenBy: 'the parser: a record without value', anotherAttempt: INVALID_RECORD },
  InvalidJson: {
    givenBy: "the parser: a value that is not JSON; in earlier versions also the stream's `decode`",
    anotherAttempt: INVALID_RECORD,
  },
  DecodeFailed: { givenBy: "the stream's own `decode`", anotherAttempt: INVALID_RECORD },
  SchemaMismatch: { givenBy: "the stream's schema", anotherAttempt: INVALID_RECORD },
  InvalidMessageId: {
    givenBy: `the parser: a message id that is empty, over ${MAX_MESSAGE_ID_LENGTH.toLocaleString('en')} characters, not Unicode, or neither a string nor a safe integer; or an error of the stream's \`messageId\``,
    anotherAttempt: INVALID_RECORD,
  },
  FilterFailed: {
    givenBy:
      "the stream's `accept` or `filter`: it throws, or returns something else than true or false",
    anotherAttempt: INVALID_RECORD,
  },
  RecordTooLarge: {
    givenBy: "the bridge worker: a record that does not fit into a workflow's input",
    anotherAttempt: INVALID_RECORD,
  },
  UnreadableBatch: {
    givenBy: "Kafka's bytes: a batch of records with wrong ones",
    anotherAttempt: `${INVALID_RECORD}: the batch as a whole`,
  },
  RejectedByTemporal: {
    givenBy: 'the server refuses the start for good',
    anotherAttempt: INVALID_RECORD,
  },
} as const satisfies Record<string, ErrorTypeFacts>;
export type InvalidRecordType = keyof typeof INVALID_RECORD_TYPES;

/** Whether a failure of this type means that its record could not become a message. */
export function isInvalidType(type: string | null): type is InvalidRecordType {
  return type !== null && Object.hasOwn(INVALID_RECORD_TYPES, type);
}

/** Input of `invalidRecord`. */
export interface InvalidRecordInput extends RecordEnvelope {
  reason: InvalidReason;
}

/**
 * The memo of every record workflow. It distinguishes a redelivery from another record that has the same
 * workflow id. It also describes a failed workflow in lists, so that nobody has to read its history.
 */
export interface RecordMemo extends RecordPosition, RecordLabels {
  stream: string;
  /** `null` for a record that could not be parsed. */
  messageId: string | null;
  timestamp: number;
  /** The trace that the record belongs to. Absent if the record has none. */
  traceparent?: string;
  /**
   * For a batch that can't be read: the first 32 hexadecimal digits of the SHA-256 of its bytes. Such a batch
   * has no timestamp.
   */
  digest?: string;
}

/**
 * Whether another workflow's memo names the same record. If so, the start is a redelivery, not an id
 * collision.
 */
export function isSameRecord(holder: Record<string, unknown>, memo: RecordMemo): boolean {
  // Without the message id, a record's workflow would look like the workflow of a chunk that begins with the
  // record.
  const fields = ['stream', 'messageId', 'topic', 'partition', 'offset', 'timestamp'] as const;
  if (!fields.every((field) => holder[field] === memo[field])) return false;
  // Memos of earlier versions have no digest.
  return [holder.digest, memo.digest].includes(undefined) || holder.digest === memo.digest;
}

export function encodeContent(record: KafkaRecord): RecordContent {
  return {
    key: record.key === null ? null : encodeBytes(record.key),
    value: record.value === null ? null : encodeBytes(record.value),
    headers: record.headers.map(([name, value]) => [
      name,
      value === null ? null : encodeBytes(value),
    ]),
  };
}

/** Returns the record in an envelope, or `undefined` if the envelope has the record only by reference. */
export function decodeContent(envelope: RecordEnvelope): KafkaRecord | undefined {
  const { topic, partition, offset, timestamp, exactTimestamp, content } = envelope;
  if ('byReference' in content) return undefined;
  const bytes = (value: EncodedBytes | null) => (value === null ? null : decodeBytes(value));
  return {
    topic,
    partition,
    offset,
    timestamp,
    ...(exactTimestamp !== undefined && { exactTimestamp }),
    key: bytes(content.key),
    value: bytes(content.value),
    headers: content.headers.map(([name, value]) => [name, bytes(value)]),
  };
}

/** Copies only the position from an object that may have more fields. */
export function barePosition({ topic, partition, offset }: RecordPosition): RecordPosition {
  return { topic, partition, offset };
}

/** `<topic>/<partition>@<offset>`: a record's position in a log line or a message. */
export function describePosition({ topic, partition, offset }: RecordPosition): string {
  return `${topic}/${partition}@${offset}`;
}

/** The timestamp in Kafka of a record that has none. */
const NO_TIMESTAMP = -1;

/**
 * The timestamp in ISO 8601, or the number itself if a Date can't represent it: producers may send any 64
 * bits. Null: the record has no timestamp.
 */
export function describeTimestamp(milliseconds: number): string | null {
  if (milliseconds === NO_TIMESTAMP) return null;
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}

/** A run of consecutive records of one partition: the offsets from `first` to `last`, both included. */
export interface ChunkRange {
  /** Name of the topic. */
  topic: string;
  /** Number of the partition, from 0. */
  partition: number;
  /** Offset of the first record. */
  first: number;
  /** Offset of the last record. */
  last: number;
}

/**
 * How people recognize a record that has no message id. Both labels are text for people, not for programs.
 */
export interface RecordLabels {
  /** The Kafka key; see {@link keyLabel}. Absent: the record has none. */
  key?: string;
  /** The id in the record's JSON, if it can be read. */
  rawId?: string;
}
