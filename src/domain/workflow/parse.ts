import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import {
  classifyError,
  DeliveryError,
  errorMessage,
  isDeliveryError,
  isRetryable,
  type DeliveryFailure,
} from '../errors';
import { MAX_MESSAGE_ID_LENGTH } from '../record/message';
import type { InvalidReason, KafkaRecord } from '../record/record';
import type { AnyStream } from '../stream/stream';

export type ParseResult =
  | { ok: true; messageId: string; message: unknown }
  /** The record is not a message. */
  | { ok: false; reason: InvalidReason; filtered?: undefined }
  | Filtered
  /** The stream's code fails for now. No record is at fault: parse the record again later. */
  | { ok: false; failing: DeliveryFailure; reason?: undefined };

/** The stream skips the record: its `onNull`, `accept` or `filter` says so. */
export interface Filtered {
  ok: false;
  filtered: true;
  reason: { type: 'NullValue' | 'Filtered'; message: string };
}

/**
 * Turns a record into a message of the stream. Returns a promise only if the stream's `decode` or `schema` is
 * asynchronous. Never throws and never rejects: an error from a handler makes kafkajs stop consuming, and one
 * bad record must not stop the others.
 */
export function parseRecord(
  stream: AnyStream,
  record: KafkaRecord,
): ParseResult | Promise<ParseResult> {
  const { value, unreadable } = record;
  if (unreadable !== undefined) return invalid('UnreadableBatch', unreadable);
  const { accept } = stream;
  const refused = accept && unlessTaken('accept', () => accept(record));
  if (refused) return refused;
  if (value === null) return nullValue(stream);
  if (!stream.decode) {
    let json: unknown;
    try {
      json = decodeJson(value);
    } catch (error) {
      return invalid('InvalidJson', errorMessage(error));
    }
    return check(stream, record, json);
  }
  try {
    const decoded = stream.decode(value, record);
    if (!isThenable(decoded)) return check(stream, record, decoded);
    return inTime(decoded, 'decode').then(
      (message) => check(stream, record, message),
      (error: unknown) => threw(error, 'DecodeFailed', ''),
    );
  } catch (error) {
    return threw(error, 'DecodeFailed', '');
  }
}

/** A record that is a message, is invalid, or is skipped by the stream. */
export type Parsed = Exclude<ParseResult, { failing: DeliveryFailure }>;
/** A record that the stream does not skip. */
export type Taken = Exclude<Parsed, Filtered>;

/**
 * The stream without its `accept` and `filter`, for a record that the stream has taken already: a filter that is newer than
 * the record's workflow or dead letter does not make the record unreadable.
 */
export function withoutFilters(stream: AnyStream): AnyStream {
  if (!stream.accept && !stream.filter) return stream;
  return { ...stream, accept: () => true, filter: () => true };
}

/** Parses a record for a caller that can wait for the result. Rejects if the stream's code fails for now. */
export async function parseOrThrow(stream: AnyStream, record: KafkaRecord): Promise<Parsed> {
  return decided(stream, await parseRecord(stream, record));
}

/**
 * Parses a record for a caller that can't wait. Throws if the stream's code fails for now, or is
 * asynchronous.
 */
export function parseNow(stream: AnyStream, record: KafkaRecord): Parsed {
  const parsed = parseRecord(stream, record);
  if (!(parsed instanceof Promise)) return decided(stream, parsed);
  throw new DeliveryError('Transient', `the schema of stream ${stream.name} is asynchronous`);
}

/**
 * Whether parsing may return a promise, as far as known: only a schema's first record shows whether it is
 * asynchronous.
 */
export function parsesLater({ decode, schema }: AnyStream): boolean {
  return decode !== undefined || schemaKinds.get(schema) === 'later';
}

function decided({ name }: AnyStream, parsed: ParseResult): Parsed {
  if (!('failing' in parsed)) return parsed;
  const { type, message } = parsed.failing;
  throw new DeliveryError(type, `stream ${name} can't parse records for now: ${message}`);
}

function nullValue({ onNull }: AnyStream): ParseResult {
  if (onNull !== 'skip') return invalid('NullValue', 'the record has no value');
  const message = "the record has no value, and the stream's onNull is 'skip'";
  return { ok: false, reason: { type: 'NullValue', message }, filtered: true };
}

/**
 * Asks `accept` or `filter` of the stream. Undefined: the stream takes the record. Only `false` skips a record, so that a
 * function that returns nothing by mistake loses none.
 */
function unlessTaken(name: 'accept' | 'filter', ask: () => unknown): ParseResult | undefined {
  let answer: unknown;
  try {
    answer = ask();
  } catch (error) {
    return threw(error, 'FilterFailed', `the stream's ${name} threw: `);
  }
  if (answer === true) return undefined;
  if (answer === false) {
    const message = `the stream's ${name} returned false`;
    return { ok: false, reason: { type: 'Filtered', message }, filtered: true };
  }
  const what = dropPromise(answer) ? 'a promise' : answer === null ? 'null' : typeof answer;
  const text = `the stream's ${name} returned ${what}; it must return true or false`;
  return invalid('FilterFailed', text);
}

/** Whether a schema has an asynchronous part. A schema is added once a record has shown it. */
const schemaKinds = new WeakMap<object, 'now' | 'later'>();

function check(
  stream: AnyStream,
  record: KafkaRecord,
  decoded: unknown,
): ParseResult | Promise<ParseResult> {
  const { schema } = stream;
  const kind = schemaKinds.get(schema) ?? probe(schema, decoded);
  if (kind === 'later') return checkLater(stream, record, decoded);
  try {
    const parsed = schema.safeParse(decoded);
    if (kind === undefined && parsed.success) schemaKinds.set(schema, 'now');
    return judge(stream, record, parsed);
  } catch (error) {
    if (!isZodAsyncError(error)) return schemaThrew(error);
    schemaKinds.set(schema, 'later');
    return checkLater(stream, record, decoded);
  }
}

/**
 * Finds an asynchronous part of a schema that is not known yet. `safeParse` would drop the promise of that
 * part, and a dropped promise that rejects ends the process.
 */
function probe(schema: z.ZodType, decoded: unknown): 'later' | undefined {
  try {
    const result = schema._zod.run({ value: decoded, issues: [] }, { async: true });
    if (!isThenable(result)) return undefined;
    result.then(undefined, () => undefined);
  } catch {
    // The caller runs the schema again, and gets the same error.
    return undefined;
  }
  schemaKinds.set(schema, 'later');
  return 'later';
}

async function checkLater(
  stream: AnyStream,
  record: KafkaRecord,
  decoded: unknown,
): Promise<ParseResult> {
  try {
    const parsed = await inTime(stream.schema.safeParseAsync(decoded), 'schema');
    return judge(stream, record, parsed);
  } catch (error) {
    return schemaThrew(error);
  }
}

function judge(
  stream: AnyStream,
  record: KafkaRecord,
  parsed: z.ZodSafeParseResult<unknown>,
): ParseResult {
  if (!parsed.success) return invalid('SchemaMismatch', z.prettifyError(parsed.error));
  const { filter } = stream;
  const refused = filter && unlessTaken('filter', () => filter(parsed.data, record));
  if (refused) return refused;
  let id: unknown;
  try {
    id = stream.messageId(parsed.data, record);
  } catch (error) {
    return threw(error, 'InvalidMessageId', "the stream's messageId threw: ");
  }
  // Every producer and every reader writes a safe integer with the same digits.
  const messageId = Number.isSafeInteger(id) ? String(id) : id;
  const fault = messageIdFault(messageId);
  return fault === undefined
    ? { ok: true, messageId: messageId as string, message: parsed.data }
    : invalid('InvalidMessageId', fault);
}

function schemaThrew(error: unknown): ParseResult {
  return threw(error, 'SchemaMismatch', "the stream's schema threw: ");
}

/**
 * Judges an error of the stream's code. The record is at fault, unless the error says that another attempt
 * helps.
 */
function threw(error: unknown, type: InvalidReason['type'], prefix: string): ParseResult {
  if (isDeliveryError(error)) {
    const failing = classifyError(error);
    if (isRetryable(failing.type)) return { ok: false, failing };
  }
  return invalid(type, `${prefix}${errorMessage(error)}`);
}

/** Whether the value is a promise. No code waits for it; if it rejected without a handler, the process would end. */
function dropPromise(value: unknown): boolean {
  if (!isThenable(value)) return false;
  value.then(undefined, () => undefined);
  return true;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Compares the name of the class, because the schema may come from another copy of zod. */
function isZodAsyncError(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === '$ZodAsyncError';
}

/** If a promise of the stream's code does not settle in this time, the code counts as failing for now. */
const LONGEST_WAIT_MS = 30_000;

async function inTime<T>(promise: PromiseLike<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `the stream's ${what} has not settled within ${LONGEST_WAIT_MS / 1_000} s`;
    timer = setTimeout(() => reject(new DeliveryError('Transient', message)), LONGEST_WAIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function decodeJson(value: Buffer): unknown {
  if (!isUtf8(value)) throw new Error('the value is not UTF-8');
  if (value.length === 0) throw new Error('the value is empty');
  return JSON.parse(value.toString('utf8'));
}

function messageIdFault(messageId: unknown): string | undefined {
  if (typeof messageId === 'number') {
    return `the message id ${messageId} is not a safe integer; return a string`;
  }
  if (dropPromise(messageId)) {
    return 'the message id is a promise; messageId must return the id itself';
  }
  if (typeof messageId !== 'string') return `the message id is ${typeof messageId}, not a string`;
  if (messageId.length === 0) return 'the message id is empty';
  if (messageId.length > MAX_MESSAGE_ID_LENGTH) {
    return `the message id has ${messageId.length} characters, at most ${MAX_MESSAGE_ID_LENGTH} are allowed`;
  }
  // A lone surrogate has no UTF-8 form: two such ids would become one in file names and workflow ids.
  return messageId.isWellFormed() ? undefined : 'the message id is not well-formed Unicode';
}

/**
 * The most characters of a reason. Reasons become headers and workflow failures, and a schema can report
 * thousands of issues.
 */
const MAX_REASON_LENGTH = 2000;

function invalid(type: InvalidReason['type'], message: string): ParseResult {
  const text =
    message.length > MAX_REASON_LENGTH ? `${message.slice(0, MAX_REASON_LENGTH)}…` : message;
  return { ok: false, reason: { type, message: text.toWellFormed() } };
}
