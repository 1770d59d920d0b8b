import { createHash } from 'node:crypto';
import {
  encodeContent,
  type InvalidReason,
  type InvalidRecordInput,
  type KafkaRecord,
  type RecordContent,
  type RecordInput,
  type RecordMemo,
} from '../record/record';
import { keyLabel, labelsOf } from './record-labels';
import type { RetryPolicy } from '../stream/retry-policy';
import type { AnyStream } from '../stream/stream';
import { traceContextOf } from '../record/trace-context';
import { invalidRecordWorkflowIds, recordWorkflowIds } from '../record/workflow-id';

/** Everything that the start of a stream's workflow needs. */
export interface WorkflowStart {
  workflowType: string;
  workflowId: string;
  /** Ids to try after `workflowId`, if another record has that id. */
  furtherIds: string[];
  args: unknown[];
  memo: RecordMemo;
}

/** The start of a record's own workflow. */
export interface RecordStart extends WorkflowStart {
  args: [RecordInput, RetryPolicy] | [InvalidRecordInput];
}

/**
 * The most bytes of a record's content in a workflow's input. Temporal refuses a payload above 2 MiB
 * (`limit.blobSize.error`); the other 32 KiB are for the record's position and the retry policy.
 */
export const MAX_CONTENT_BYTES = 2 * 1024 * 1024 - 32 * 1024;

/** Makes the start of a record with a valid message id, or of its dead letter if the record is too large. */
export function startOfRecord(
  stream: AnyStream,
  record: KafkaRecord,
  messageId: string,
  earlierAttempts = 0,
): RecordStart {
  const content = encodeContent(record);
  const bytes = inputBytes(record, content);
  // The same check as in `fitsWorkflow`, without encoding the record twice.
  if (bytes > MAX_CONTENT_BYTES) {
    return startOfInvalidRecord(stream, record, {
      type: 'RecordTooLarge',
      message: `the record takes ${bytes} bytes in a workflow's input, at most ${MAX_CONTENT_BYTES} are allowed; the chunk lane takes larger records`,
    });
  }
  const { topic, partition, offset, timestamp } = record;
  const identity = { stream: stream.name, messageId, topic, partition, offset, timestamp };
  const [workflowId, ...furtherIds] = recordWorkflowIds(stream.workflowId, identity);
  return {
    workflowType: stream.workflow?.type ?? 'deliverRecord',
    workflowId: workflowId!,
    furtherIds,
    args: [
      {
        ...identity,
        ...exactTimestampOf(record),
        content,
        ...(earlierAttempts > 0 && { earlierAttempts }),
      },
      stream.retry,
    ],
    memo: { ...identity, ...keyOf(record), ...traceOf(record) },
  };
}

/** Makes the start of a record that was parsed: of its delivery, or of its dead letter if it is no message. */
export function startOfParsed(
  stream: AnyStream,
  record: KafkaRecord,
  parsed: { ok: true; messageId: string } | { ok: false; reason: InvalidReason },
): RecordStart {
  return parsed.ok
    ? startOfRecord(stream, record, parsed.messageId)
    : startOfInvalidRecord(stream, record, parsed.reason);
}

/** Makes the start of the dead letter of a record that can't be delivered as it is. */
export function startOfInvalidRecord(
  stream: AnyStream,
  record: KafkaRecord,
  reason: InvalidReason,
): RecordStart {
  const { topic, partition, offset, timestamp } = record;
  const position = { stream: stream.name, topic, partition, offset, timestamp };
  const digest = batchDigest(record);
  const [workflowId, ...furtherIds] = invalidRecordWorkflowIds(stream.name, { ...record, digest });
  return {
    workflowType: 'invalidRecord',
    workflowId: workflowId!,
    furtherIds,
    args: [
      {
        ...position,
        ...exactTimestampOf(record),
        content: contentOrReference(record, reason),
        reason,
      },
    ],
    memo: {
      ...position,
      messageId: null,
      ...labelsOf(stream, record),
      ...traceOf(record),
      ...(digest !== undefined && { digest }),
    },
  };
}

/**
 * The digest of a batch that can't be read. If a log was created again, only the bytes distinguish the batch
 * from another one at the same position.
 */
export function batchDigest({ unreadable, value }: KafkaRecord): string | undefined {
  if (unreadable === undefined || value === null) return undefined;
  return createHash('sha256').update(value).digest('hex').slice(0, 32);
}

/** Makes the start of the dead letter of a batch that can't be read; see `KafkaRecord.unreadable`. */
export function startOfUnreadable(stream: AnyStream, record: KafkaRecord): RecordStart {
  const message = record.unreadable ?? "the batch can't be read, reason unknown";
  return startOfInvalidRecord(stream, record, { type: 'UnreadableBatch', message });
}

/** Returns a start whose workflow first waits for the end of its predecessor `after`. */
export function startAfter(start: RecordStart, after: string | undefined): RecordStart {
  if (after === undefined) return start;
  const [input, ...rest] = start.args;
  return { ...start, args: [{ ...input, after }, ...rest] as RecordStart['args'] };
}

function exactTimestampOf({ exactTimestamp }: KafkaRecord) {
  return exactTimestamp === undefined ? {} : { exactTimestamp };
}

/** The key for lists of workflows: people often know a failed record by its key. */
function keyOf(record: KafkaRecord): Pick<RecordMemo, 'key'> {
  const key = keyLabel(record.key);
  return key === undefined ? {} : { key };
}

/** The trace for people who look for a trace, or come from one. `tracestate` is only for programs. */
function traceOf(record: KafkaRecord): Pick<RecordMemo, 'traceparent'> {
  const trace = traceContextOf(record);
  return trace ? { traceparent: trace.traceparent } : {};
}

/** Whether the record fits into a workflow's input. */
export function fitsWorkflow(record: KafkaRecord): boolean {
  const raw = rawBytes(record);
  return fitsSurely(raw) || inputBytes(record, encodeContent(record)) <= MAX_CONTENT_BYTES;
}

/**
 * Bytes of the content as JSON. They are counted only if they could be too many; otherwise the raw bytes are
 * returned.
 */
function inputBytes(record: KafkaRecord, content: RecordContent): number {
  const raw = rawBytes(record);
  return fitsSurely(raw) ? raw : Buffer.byteLength(JSON.stringify(content));
}

/** Raw bytes of a record, plus what JSON adds around each header and around the whole. */
function rawBytes({ key, value, headers }: KafkaRecord): number {
  return headers.reduce(
    (sum, [name, content]) => sum + 3 + name.length + (content?.length ?? 0),
    8 + (key?.length ?? 0) + (value?.length ?? 0),
  );
}

/** Whether the content fits without counting: JSON writes a byte as at most six characters (\u001f). */
function fitsSurely(raw: number): boolean {
  return raw * 6 < MAX_CONTENT_BYTES;
}

function contentOrReference(record: KafkaRecord, reason: InvalidReason): RecordContent {
  const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  if (reason.type === 'RejectedByTemporal') return { byReference: true, bytes };
  const content = encodeContent(record);
  return inputBytes(record, content) > MAX_CONTENT_BYTES ? { byReference: true, bytes } : content;
}
