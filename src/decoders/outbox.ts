import { z } from 'zod';
import type { KafkaRecord } from '../domain/record/record';
import { headerText, headerTexts } from './header-text';

/** An event of an outbox table, as Debezium's Outbox Event Router writes it. */
export interface OutboxEvent<Payload = unknown> {
  /** The id of the outbox table's row. */
  id: string;
  /** The record's key as text: the aggregate's id. Null if the record has no key. */
  key: string | null;
  /** The record's headers as text; of equal names the last. */
  headers: Record<string, string>;
  /** What the outbox table's column `payload` holds. */
  payload: Payload;
}

/** Options of {@link outbox}. */
export interface OutboxOptions<Payload extends z.ZodType> {
  /** The form of the payload. Default: anything. */
  payload?: Payload;
  /** The header that holds the event's id. Default `id`. */
  idHeader?: string;
}

/** The part of a stream that {@link outbox} gives. */
export interface OutboxPreset<Payload> {
  /** The form of an event. */
  schema: z.ZodType<OutboxEvent<Payload>>;
  /** Gives the event's id. */
  messageId: (event: OutboxEvent<Payload>) => string;
  /** Makes an event of a record. Throws if the value is no JSON. */
  decode: (value: Buffer, record: KafkaRecord) => unknown;
}

/**
 * Lets a stream read what Debezium's Outbox Event Router writes: the id in a header, the payload as JSON in the value. The
 * message id is the event's id.
 *
 * ```ts
 * defineStream({ name: 'orders', topic: 'outbox.event.order', ...outbox({ payload: orderSchema }), sink });
 * ```
 *
 * The payload may also be a JSON text within JSON, or lie in the envelope of Connect's JsonConverter. The sink gets the
 * record's own bytes.
 */
export function outbox<Payload extends z.ZodType = z.ZodUnknown>({
  payload,
  idHeader = 'id',
}: OutboxOptions<Payload> = {}): OutboxPreset<z.output<Payload>> {
  const schema = z.object({
    id: z.string({ error: `the record has no header ${idHeader}` }).min(1),
    key: z.string().nullable(),
    headers: z.record(z.string(), z.string()),
    payload: payload ?? z.unknown(),
  });
  return {
    schema: schema as unknown as z.ZodType<OutboxEvent<z.output<Payload>>>,
    messageId: ({ id }) => id,
    decode: (value, record) => ({
      id: headerText(record, idHeader.toLowerCase()),
      key: record.key?.toString('utf8') ?? null,
      headers: Object.fromEntries(headerTexts(record)),
      payload: payloadOf(value),
    }),
  };
}

function payloadOf(value: Buffer): unknown {
  const json = withoutEnvelope(JSON.parse(value.toString('utf8')));
  // The router hands a column of type JSON on as text, which Connect's JsonConverter encodes a second time.
  return typeof json === 'string' && /^\s*[[{]/.test(json) ? JSON.parse(json) : json;
}

/** With `schemas.enable`, Connect's JsonConverter writes `{"schema": …, "payload": …}`. */
function withoutEnvelope(json: unknown): unknown {
  const isEnvelope =
    typeof json === 'object' &&
    json !== null &&
    Object.keys(json).sort().join() === 'payload,schema';
  return isEnvelope ? (json as { payload: unknown }).payload : json;
}
