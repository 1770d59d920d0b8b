import type { IncomingHttpHeaders } from 'node:http';
import { errorMessage } from '../domain/errors';
import { parseTraceContext } from '../domain/record/trace-context';
import { cloudEventId, isSource } from '../decoders/cloud-event-id';
import { membersOf } from '../lib/json-slices';
import type { Draft } from './draft';

/**
 * Turns CloudEvents 1.0 into messages of the reference schema. `time` becomes `occurredAt` and `data` becomes
 * `payload`, both byte for byte; every other attribute keeps its name. The message's id is `<source>|<id>`.
 */

/** Reads an event in structured mode: one JSON object. */
export function draftOfStructured(json: Buffer): Draft {
  try {
    const event: unknown = JSON.parse(json.toString());
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      return invalid('it is not a JSON object');
    }
    const members = membersOf(json, MAX_ATTRIBUTES);
    return members ? draftOf(members) : invalid(`it has more than ${MAX_ATTRIBUTES} attributes`);
  } catch (error) {
    return { code: 'InvalidJson', detail: errorMessage(error) };
  }
}

/** Reads an event in binary mode: attributes in `ce-` headers, data as the body. */
export function draftOfBinary(headers: IncomingHttpHeaders, data: Buffer): Draft {
  const members = new Map<string, Buffer>();
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('ce-')) continue;
    try {
      members.set(header.slice(3), json(decodeURIComponent(String(value))));
    } catch {
      return invalid(`the header ${header} is not percent-encoded UTF-8`);
    }
  }
  members.set('datacontenttype', json(headers['content-type']!));
  if (data.length > 0) {
    try {
      JSON.parse(data.toString());
    } catch (error) {
      return { code: 'InvalidJson', detail: errorMessage(error) };
    }
    members.set('data', data);
  }
  return draftOf(members);
}

export function isBinaryMode(headers: IncomingHttpHeaders): boolean {
  return 'ce-specversion' in headers;
}

/** Limit for the attributes of an event, because each takes far more memory than its bytes in the request. */
const MAX_ATTRIBUTES = 1_000;
/** Keys of the message that no CloudEvents attribute may have as its name. */
const RESERVED = ['payload', 'occurredAt'];

function draftOf(members: Map<string, Buffer>): Draft {
  const text = (name: string): string | undefined => {
    const value: unknown = JSON.parse(members.get(name)?.toString() ?? 'null');
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  if (text('specversion') !== '1.0') return invalid('specversion must be "1.0"');
  const [source, id] = [text('source'), text('id')];
  if (source === undefined || !isSource(source)) {
    return invalid('source must be a URI reference');
  }
  if (id === undefined) return invalid('id must be a string that is not empty');
  if (text('type') === undefined) return invalid('type must be a string that is not empty');
  const taken = RESERVED.find((name) => members.has(name));
  if (taken) return invalid(`an attribute can't be called ${taken}`);

  const { time, data, ...others } = Object.fromEntries(members);
  const trace = parseTraceContext(text('traceparent'), text('tracestate'));
  const message = {
    ...others,
    id: json(cloudEventId(source, id)),
    occurredAt: time ?? json(new Date().toISOString()),
    payload: data ?? json(null),
  };
  return { value: objectOf(message), ...(trace && { trace }) };
}

function objectOf(members: Record<string, Buffer>): Buffer {
  const parts = Object.entries(members).flatMap(([name, value], index) => [
    Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    value,
  ]);
  return Buffer.concat([...parts, Buffer.from('}')]);
}

function json(value: string | null): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function invalid(detail: string): Draft {
  return { code: 'InvalidCloudEvent', detail };
}
