import type { IncomingHttpHeaders } from 'node:http';
import { parseTraceContext, type TraceContext } from '../domain/record/trace-context';

/** The trace of a request. It is that of each record that names no trace of its own. */
export function traceOfRequest(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers as Record<string, string | undefined>;
  return parseTraceContext(traceparent, tracestate);
}
