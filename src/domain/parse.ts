import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { errorMessage } from './errors';
import { MAX_MESSAGE_ID_LENGTH } from './message';
import type { InvalidReason, KafkaRecord } from './record';
import type { AnyStream } from './stream';

export type ParseResult =
  { ok: true; messageId: string; message: unknown } | { ok: false; reason: InvalidReason };

/**
 * Turns a record into a message of the stream. Never throws: kafkajs takes an error from a handler as
 * a reason to stop consuming, and one bad record must not stop the others.
 */
export function parseRecord(stream: AnyStream, record: KafkaRecord): ParseResult {
  const { value, unreadable } = record;
  if (unreadable !== undefined) return invalid('UnreadableBatch', unreadable);
  if (value === null) return invalid('NullValue', 'the record has no value');
  let decoded: unknown;
  try {
    decoded = stream.decode ? stream.decode(value, record) : decodeJson(value);
  } catch (error) {
    return invalid('InvalidJson', errorMessage(error));
  }
  try {
    const parsed = stream.schema.safeParse(decoded);
    if (!parsed.success) return invalid('SchemaMismatch', z.prettifyError(parsed.error));
    const messageId = stream.messageId(parsed.data);
    const fault = messageIdFault(messageId);
    return fault
      ? invalid('InvalidMessageId', fault)
      : { ok: true, messageId, message: parsed.data };
  } catch (error) {
    return invalid('SchemaMismatch', `the stream's schema threw: ${errorMessage(error)}`);
  }
}

function decodeJson(value: Buffer): unknown {
  if (!isUtf8(value)) throw new Error('the value is not UTF-8');
  if (value.length === 0) throw new Error('the value is empty');
  return JSON.parse(value.toString('utf8'));
}

function messageIdFault(messageId: unknown): string | undefined {
  if (typeof messageId !== 'string') return `the message id is ${typeof messageId}, not a string`;
  if (messageId.length === 0) return 'the message id is empty';
  if (messageId.length > MAX_MESSAGE_ID_LENGTH) {
    return `the message id has ${messageId.length} characters, at most ${MAX_MESSAGE_ID_LENGTH} are allowed`;
  }
  // A lone surrogate has no UTF-8 form: two such ids would become one in file names and workflow ids.
  return messageId.isWellFormed() ? undefined : 'the message id is not well-formed Unicode';
}

/** Reasons end up in headers and workflow failures; a schema can produce thousands of issues. */
const MAX_REASON_LENGTH = 2000;

function invalid(type: InvalidReason['type'], message: string): ParseResult {
  const text =
    message.length > MAX_REASON_LENGTH ? `${message.slice(0, MAX_REASON_LENGTH)}…` : message;
  return { ok: false, reason: { type, message: text.toWellFormed() } };
}
