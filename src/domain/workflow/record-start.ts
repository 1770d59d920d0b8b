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

/** All that is needed to start a workflow of a stream. */
export interface WorkflowStart {
  workflowType: string;
  workflowId: string;
  /** Ids to try after `workflowId`, should another record hold it. */
  furtherIds: string[];
  args: unknown[];
  memo: RecordMemo;
}

/** The start of a record's own workflow. */
export interface RecordStart extends WorkflowStart {
  args: [RecordInput, RetryPolicy] | [InvalidRecordInput];
}

/**
 * Temporal refuses a payload above 2 MiB (`limit.blobSize.error`); the rest is left for the record's
 * coordinates and the retry policy.
 */
export const MAX_CONTENT_BYTES = 2 * 1024 * 1024 - 32 * 1024;

/** The start of a record with a valid message id, or of its dead letter if it is too large. */
export function startOfRecord(
  stream: AnyStream,
  record: KafkaRecord,
  messageId: string,
  earlierAttempts = 0,
): RecordStart {
  const content = encodeContent(record);
  const bytes = inputBytes(record, content);
  // As `fitsWorkflow`, without encoding it twice.
  if (bytes > MAX_CONTENT_BYTES) {
    return startOfInvalidRecord(stream, record, {
      type: 'RecordTooLarge',
      message: `the record takes ${bytes} bytes in a workflow's input, at most ${MAX_CONTENT_BYTES} are allowed`,
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

/** The start of the dead letter of a record that can't be delivered as it is. */
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

/** Only its bytes tell a batch that can't be read from another one at the same place of a log made anew. */
export function batchDigest({ unreadable, value }: KafkaRecord): string | undefined {
  if (unreadable === undefined || value === null) return undefined;
  return createHash('sha256').update(value).digest('hex').slice(0, 32);
}

/** The start of the dead letter of a batch that can't be read; see `KafkaRecord.unreadable`. */
export function startOfUnreadable(stream: AnyStream, record: KafkaRecord): RecordStart {
  const message = record.unreadable ?? 'the batch can be read';
  return startOfInvalidRecord(stream, record, { type: 'UnreadableBatch', message });
}

/** The same start, of a workflow that waits until the one before it in its key has ended. */
export function startAfter(start: RecordStart, after: string | undefined): RecordStart {
  if (after === undefined) return start;
  const [input, ...rest] = start.args;
  return { ...start, args: [{ ...input, after }, ...rest] as RecordStart['args'] };
}

function exactTimestampOf({ exactTimestamp }: KafkaRecord) {
  return exactTimestamp === undefined ? {} : { exactTimestamp };
}

/** For lists: a record that fails is often known by its key. */
function keyOf(record: KafkaRecord): Pick<RecordMemo, 'key'> {
  const key = keyLabel(record.key);
  return key === undefined ? {} : { key };
}

/** For people who look for a trace, or come from one; `tracestate` is for machines. */
function traceOf(record: KafkaRecord): Pick<RecordMemo, 'traceparent'> {
  const trace = traceContextOf(record);
  return trace ? { traceparent: trace.traceparent } : {};
}

/** Whether a workflow can take the record as its input. */
export function fitsWorkflow(record: KafkaRecord): boolean {
  const raw = rawBytes(record);
  return fitsSurely(raw) || inputBytes(record, encodeContent(record)) <= MAX_CONTENT_BYTES;
}

/** Bytes of the content as JSON; counted only when it could be too much. */
function inputBytes(record: KafkaRecord, content: RecordContent): number {
  const raw = rawBytes(record);
  return fitsSurely(raw) ? raw : Buffer.byteLength(JSON.stringify(content));
}

/** What JSON adds around each header, and around the whole, is counted like bytes. */
function rawBytes({ key, value, headers }: KafkaRecord): number {
  return headers.reduce(
    (sum, [name, content]) => sum + 3 + name.length + (content?.length ?? 0),
    8 + (key?.length ?? 0) + (value?.length ?? 0),
  );
}

/** JSON writes a byte as at most six characters (\u001f). */
function fitsSurely(raw: number): boolean {
  return raw * 6 < MAX_CONTENT_BYTES;
}

function contentOrReference(record: KafkaRecord, reason: InvalidReason): RecordContent {
  const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  if (reason.type === 'RejectedByTemporal') return { byReference: true, bytes };
  const content = encodeContent(record);
  return inputBytes(record, content) > MAX_CONTENT_BYTES ? { byReference: true, bytes } : content;
}
