import { decodeBytes, encodeBytes, type EncodedBytes } from './encoded-bytes';

/** Where a record lies in Kafka. Offsets are integers below 2^53. */
export interface RecordPosition {
  topic: string;
  partition: number;
  offset: number;
}

/** One Kafka record with its own bytes. `null` and empty stay distinct for key, value and headers. */
export interface KafkaRecord extends RecordPosition {
  /** Milliseconds since the epoch, as the broker keeps it; beyond 2^53 the nearest number. */
  timestamp: number;
  /**
   * The timestamp in decimal digits if `timestamp` is not exact, as when a producer has written nanoseconds.
   * Absent otherwise.
   */
  exactTimestamp?: string | undefined;
  key: Buffer | null;
  value: Buffer | null;
  /** In the order of the record; a name may stand more than once. */
  headers: [name: string, value: Buffer | null][];
  /** Bytes of the headers as Kafka keeps them. Absent: not counted, as for a record without any. */
  readonly headerBytes?: number | undefined;
  /**
   * Why the bytes of this record can't be read. Such a record stands for a whole batch: its value is the batch
   * as the broker keeps it, its offset is the batch's first. Absent for every other record.
   */
  unreadable?: string | undefined;
}

/** Bytes that a record holds in memory: its key, its value and its headers. */
export function bytesOf({ key, value, headerBytes = 0 }: KafkaRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes;
}

/**
 * The bytes of a record inside a workflow's input. A record too large for Temporal travels by
 * reference: whoever needs its bytes reads them from Kafka again.
 */
export type RecordContent =
  | {
      key: EncodedBytes | null;
      value: EncodedBytes | null;
      headers: [name: string, value: EncodedBytes | null][];
    }
  | { byReference: true; bytes: number };

/** What every workflow of a stream gets to know of its record, whether or not it could be parsed. */
export interface RecordEnvelope extends RecordPosition {
  stream: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** As in {@link KafkaRecord}. */
  exactTimestamp?: string | undefined;
  content: RecordContent;
  /**
   * Id of the workflow of the record before it in its key, which may not have ended: this one waits for
   * that. Absent: there is none, or it has.
   */
  after?: string;
}

/** Input of `deliverRecord`, and of a user's own record workflow: a record with a valid message id. */
export interface RecordInput extends RecordEnvelope {
  messageId: string;
  /** Attempts made at the sink before this workflow, in a chunk. Absent: none. */
  earlierAttempts?: number;
}

/** Why a record could not become a message. */
export interface InvalidReason {
  type: InvalidRecordType;
  message: string;
}

const INVALID_RECORD_TYPES = [
  'NullValue',
  'InvalidJson',
  /** A stream's own `decode` threw. Before there was this type, that was `InvalidJson`. */
  'DecodeFailed',
  'SchemaMismatch',
  'InvalidMessageId',
  'RecordTooLarge',
  'UnreadableBatch',
  'RejectedByTemporal',
] as const;
export type InvalidRecordType = (typeof INVALID_RECORD_TYPES)[number];

/** Whether a failure's type says that its record could not become a message. */
export function isInvalidType(type: string | null): type is InvalidRecordType {
  return (INVALID_RECORD_TYPES as readonly (string | null)[]).includes(type);
}

/** Input of `invalidRecord`. */
export interface InvalidRecordInput extends RecordEnvelope {
  reason: InvalidReason;
}

/**
 * The memo of every record workflow: enough to tell a redelivery from another record that happens
 * to have the same workflow id, and to list a failed workflow without reading its history.
 */
export interface RecordMemo extends RecordPosition, RecordLabels {
  stream: string;
  /** `null` for a record that could not be parsed. */
  messageId: string | null;
  timestamp: number;
  /** The trace that the record belongs to; absent where it has none. */
  traceparent?: string;
  /** Of a batch that can't be read: the beginning of the SHA-256 of its bytes. It has no timestamp. */
  digest?: string;
}

/** Whether a workflow's memo names the very record that this one names: a redelivery, no collision. */
export function isSameRecord(holder: Record<string, unknown>, memo: RecordMemo): boolean {
  // The message id tells a record's workflow from that of the chunk which begins with the record.
  const fields = ['stream', 'messageId', 'topic', 'partition', 'offset', 'timestamp'] as const;
  if (!fields.every((field) => holder[field] === memo[field])) return false;
  // Workflows of earlier versions have no digest.
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

/** The record itself again, or `undefined` where the envelope holds it only by reference. */
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

/** The place alone, of whatever else has one. */
export function barePosition({ topic, partition, offset }: RecordPosition): RecordPosition {
  return { topic, partition, offset };
}

/** `<topic>/<partition>@<offset>`: a record's place in a log line or a message. */
export function describePosition({ topic, partition, offset }: RecordPosition): string {
  return `${topic}/${partition}@${offset}`;
}

/** What Kafka gives a record for its timestamp that has none. */
const NO_TIMESTAMP = -1;

/**
 * ISO 8601, or the number where it is beyond what a Date holds: producers may send any 64 bits. Null: the record has
 * no timestamp.
 */
export function describeTimestamp(milliseconds: number): string | null {
  if (milliseconds === NO_TIMESTAMP) return null;
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}

/** A run of consecutive delivered records of one partition: offsets from `first` to `last`, both in it. */
export interface ChunkRange {
  topic: string;
  partition: number;
  first: number;
  last: number;
}

/** What people know a record by that has no message id. Both are text for people, not for machines. */
export interface RecordLabels {
  /** The Kafka key; see {@link keyLabel}. Absent: the record has none. */
  key?: string;
  /** The id in the record's JSON, as far as it can be read. */
  rawId?: string;
}
