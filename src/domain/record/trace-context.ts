import type { KafkaRecord } from './record';

/** W3C Trace Context, as record headers, HTTP headers and object metadata carry it. */
export interface TraceContext {
  /** `00-<32 hex>-<16 hex>-<2 hex>`, lower case. */
  traceparent: string;
  /** At most 512 characters of printable ASCII. Absent: the trace has none. */
  tracestate?: string;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The standard asks programs to keep at least 512 characters. A header may contain only printable ASCII. */
const TRACESTATE = /^[ -~]{1,512}$/;

/**
 * The trace that a record belongs to. `undefined` if the record has no trace, or one that is not well-formed.
 */
export function traceContextOf({
  headers,
}: Pick<KafkaRecord, 'headers'>): TraceContext | undefined {
  const header = (name: string) => headers.find(([key]) => key === name)?.[1]?.toString('latin1');
  return parseTraceContext(header('traceparent'), header('tracestate'));
}

/**
 * Checks the values of the two headers. `undefined` if `traceparent` is not well-formed; a bad `tracestate`
 * is dropped.
 */
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
