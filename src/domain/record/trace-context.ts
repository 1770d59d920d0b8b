import type { KafkaRecord } from './record';

/** W3C Trace Context, as it travels in record headers, HTTP headers and object metadata. */
export interface TraceContext {
  /** `00-<32 hex>-<16 hex>-<2 hex>`, lower case. */
  traceparent: string;
  tracestate?: string;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The standard asks for 512 characters at least; only printable ASCII may stand in a header. */
const TRACESTATE = /^[ -~]{1,512}$/;

/** The trace that a record belongs to. `undefined` where it has none, or one that is not well-formed. */
export function traceContextOf({
  headers,
}: Pick<KafkaRecord, 'headers'>): TraceContext | undefined {
  const header = (name: string) => headers.find(([key]) => key === name)?.[1]?.toString('latin1');
  return parseTraceContext(header('traceparent'), header('tracestate'));
}

/** The same from the values of the two headers. */
export function parseTraceContext(
  traceparent: string | undefined,
  tracestate?: string,
): TraceContext | undefined {
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return undefined;
  return {
    traceparent,
    ...(tracestate !== undefined && TRACESTATE.test(tracestate) && { tracestate }),
  };
}
