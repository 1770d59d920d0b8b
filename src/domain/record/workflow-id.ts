import { createHash } from 'node:crypto';
import type { RecordPosition } from './record';

/** The longest workflow id, in bytes. PostgreSQL and MySQL store a workflow id in VARCHAR(255). */
export const MAX_WORKFLOW_ID_BYTES = 255;

export const DEFAULT_WORKFLOW_ID_TEMPLATE = '{stream}-{messageId}-{offset}';

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const CONTROLS = new RegExp(CONTROL, 'g');
const SHA256_HEX_LENGTH = 64;
const PLACEHOLDER = /\{(\w+)\}/g;
const KNOWN = new Set(['stream', 'messageId', 'topic', 'partition', 'offset']);
/**
 * The placeholders that a template must have. Without them an id could name two records, or could not be
 * found by its message id.
 */
const REQUIRED = ['stream', 'messageId', 'offset'];

/** Returns what is wrong with a workflow id template, or `undefined` if the template is valid. */
export function checkWorkflowIdTemplate(template: string): string | undefined {
  const names = [...template.matchAll(PLACEHOLDER)].map((match) => match[1]!);
  const unknown = names.filter((name) => !KNOWN.has(name));
  if (unknown.length > 0) {
    return `unknown placeholder {${unknown.join('}, {')}}; known are {${[...KNOWN].join('}, {')}}`;
  }
  const absent = REQUIRED.filter((name) => !names.includes(name));
  return absent.length > 0 ? `must contain {${absent.join('}, {')}}` : undefined;
}

export interface RecordIdentity extends RecordPosition {
  stream: string;
  messageId: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

/**
 * Yields the ids that a record's workflow may have, in the order in which the bridge tries them. The first id
 * is nearly always free, or already belongs to this very record. It can belong to another record if an offset
 * occurs twice: on another partition, or in a topic that was deleted and created again. The further ids
 * distinguish the two records by position, and finally by timestamp.
 */
export function* recordWorkflowIds(template: string, record: RecordIdentity): Generator<string> {
  const id = fillIn(template, record);
  yield fitWorkflowId(id);
  yield fitWorkflowId(`${id}~${record.topic}-${record.partition}`);
  yield fitWorkflowId(`${id}~${record.topic}-${record.partition}-${record.timestamp}`);
}

/**
 * The first of {@link recordWorkflowIds}. This function is cheap, because each record of a chunk gets an id.
 */
export function recordWorkflowId(template: string, record: RecordIdentity): string {
  return fitWorkflowId(fillIn(template, record));
}

/** The beginning that all {@link recordWorkflowIds} of a message share, for every partition and offset. */
export function recordWorkflowIdPrefix(
  template: string,
  known: Pick<RecordIdentity, 'stream' | 'messageId' | 'topic'>,
): string {
  const [beginning] = template.split(/\{(?:partition|offset)\}/);
  const filled = beginning!.replace(PLACEHOLDER, (_, name: keyof typeof known) => known[name]);
  return workflowIdPrefix(filled);
}

/**
 * Templates split at their placeholders: text at even indexes, placeholder names at odd ones. The map stays
 * small, because a process has one template per stream.
 */
const cut = new Map<string, string[]>();

function fillIn(template: string, record: RecordIdentity): string {
  let parts = cut.get(template);
  if (!parts) cut.set(template, (parts = template.split(PLACEHOLDER)));
  let id = parts[0]!;
  for (let i = 1; i < parts.length; i += 2) {
    id += String(record[parts[i] as keyof RecordIdentity]) + parts[i + 1]!;
  }
  return id;
}

/** Yields the ids for a record without a usable message id; see {@link recordWorkflowIds}. */
export function* invalidRecordWorkflowIds(
  stream: string,
  record: RecordPosition & { timestamp: number; digest?: string | undefined },
): Generator<string> {
  const { topic, partition, offset, timestamp, digest } = record;
  const id = `${stream}-invalid-${topic}-${partition}-${offset}`;
  yield fitWorkflowId(id);
  yield fitWorkflowId(`${id}~${timestamp}`);
  if (digest !== undefined) yield fitWorkflowId(`${id}~${digest}`);
}

/**
 * Makes an id that every database can store. An id that is too long or has control characters becomes a
 * readable prefix plus the SHA-256 of the whole id, in hex. Control characters do harm: a NUL breaks
 * PostgreSQL, an escape sequence steers a terminal.
 */
export function fitWorkflowId(id: string): string {
  // A UTF-16 code unit takes at most three bytes. This estimate comes first, because counting the bytes costs
  // more than all the rest.
  const fits =
    id.length * 3 <= MAX_WORKFLOW_ID_BYTES || Buffer.byteLength(id) <= MAX_WORKFLOW_ID_BYTES;
  if (fits && !CONTROL.test(id)) return id;
  const hash = createHash('sha256').update(id).digest('hex');
  return `${readablePrefix(id.replace(CONTROLS, '_'))}-${hash}`;
}

/** The beginning that the {@link fitWorkflowId} of every id with this beginning has. */
export function workflowIdPrefix(beginning: string): string {
  return readablePrefix(beginning.replace(CONTROLS, '_'));
}

function readablePrefix(readable: string): string {
  return truncateUtf8(readable, MAX_WORKFLOW_ID_BYTES - SHA256_HEX_LENGTH - 1);
}

/** Returns the longest prefix of at most `maxBytes` bytes that does not cut a character in two. */
export function truncateUtf8(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(maxBytes, bytes.length);
  while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
