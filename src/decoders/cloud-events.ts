import { z } from 'zod';
import type { KafkaRecord } from '../domain/record/record';
import { cloudEventId, isSource } from './cloud-event-id';
import { headerText, headerTexts } from './header-text';

/** A CloudEvent 1.0. Extensions are further fields: text in binary mode, any JSON in structured mode. */
export interface CloudEvent<Data = unknown> {
  /** The version of CloudEvents. */
  specversion: '1.0';
  /** At least one character; unique within the source. */
  id: string;
  /** A URI reference. With the id it makes the event unique. */
  source: string;
  /** What happened, for example `order.created`. */
  type: string;
  /** RFC 3339. */
  time?: string | undefined;
  /** What the event is about, within the source. */
  subject?: string | undefined;
  /** A URI of the schema that the data follows. */
  dataschema?: string | undefined;
  /** The media type of the data. */
  datacontenttype?: string | undefined;
  /** JSON as a value, text as a string, other bytes as a Buffer. Undefined if the event has no data. */
  data: Data;
  [extension: string]: unknown;
}

/** Options of {@link cloudEvents}. */
export interface CloudEventsOptions<Data extends z.ZodType> {
  /** The form of `data`. Default: anything, also no data. */
  data?: Data;
}

/** The part of a stream that {@link cloudEvents} gives. */
export interface CloudEventsPreset<Data> {
  /** The form of an event. */
  schema: z.ZodType<CloudEvent<Data>>;
  /** Gives `<source>|<id>`. */
  messageId: (event: CloudEvent<Data>) => string;
  /** Makes an event of a record. Throws if the record holds none. */
  decode: (value: Buffer, record: KafkaRecord) => unknown;
}

const PREFIX = 'ce_';
const FORMAT = 'application/cloudevents';
const ATTRIBUTES = {
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().refine(isSource, 'must be a URI reference'),
  type: z.string().min(1),
  time: z.iso.datetime({ offset: true }).optional(),
  subject: z.string().optional(),
  dataschema: z.string().optional(),
  datacontenttype: z.string().optional(),
};

/**
 * Lets a stream read CloudEvents 1.0 from Kafka, in binary mode (attributes in `ce_` headers) and in structured mode
 * (one JSON object). The message id is `<source>|<id>`.
 *
 * ```ts
 * defineStream({ name: 'orders', topic: 'orders', ...cloudEvents({ data: orderSchema }), sink });
 * ```
 *
 * The sink gets the record's own bytes: in binary mode only the data, in structured mode the whole event. An event in binary
 * mode that has no data is a record without a value, so the stream's `onNull` decides about it.
 */
export function cloudEvents<Data extends z.ZodType = z.ZodUnknown>({
  data,
}: CloudEventsOptions<Data> = {}): CloudEventsPreset<z.output<Data>> {
  const schema = z.looseObject({ ...ATTRIBUTES, data: data ?? z.unknown().optional() });
  return {
    schema: schema as unknown as z.ZodType<CloudEvent<z.output<Data>>>,
    messageId: ({ source, id }) => cloudEventId(source, id),
    decode: (value, record) =>
      headerText(record, `${PREFIX}specversion`) === undefined
        ? structured(value, headerText(record, 'content-type'))
        : binary(value, record),
  };
}

function binary(value: Buffer, record: KafkaRecord): unknown {
  const attributes = headerTexts(record)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, text]) => [name.slice(PREFIX.length), text]);
  const type = headerText(record, 'content-type');
  return {
    ...(Object.fromEntries(attributes) as Record<string, unknown>),
    ...(type !== undefined && { datacontenttype: type }),
    data: dataOf(value, type),
  };
}

/** Data of binary mode. SDKs leave the content type out if the data is JSON. */
function dataOf(value: Buffer, type: string | undefined): unknown {
  if (value.length === 0) return undefined;
  const text = () => value.toString('utf8');
  if (type === undefined) return jsonOr(text(), value);
  const essence = type.split(';', 1)[0]!.trim().toLowerCase();
  if (/[/+]json$/.test(essence)) return JSON.parse(text());
  return essence.startsWith('text/') ? text() : value;
}

function jsonOr(text: string, other: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return other;
  }
}

/** Structured mode. Some SDKs write the type of the data in place of the event's, so any JSON object may be an event. */
function structured(value: Buffer, type = ''): unknown {
  const format = type.toLowerCase();
  if (format.startsWith(FORMAT) && !format.startsWith(`${FORMAT}+json`)) {
    throw new Error(`${type} is not read: a record must hold one event, as ${FORMAT}+json`);
  }
  const event: unknown = JSON.parse(value.toString('utf8'));
  if (typeof event !== 'object' || event === null || !('specversion' in event)) {
    throw new Error(
      'it is no CloudEvent: it has neither a ce_specversion header nor a specversion',
    );
  }
  const { data_base64: encoded, ...others } = event as Record<string, unknown>;
  return typeof encoded === 'string' ? { ...others, data: Buffer.from(encoded, 'base64') } : event;
}
