import type { IncomingHttpHeaders } from 'node:http';
import { parseTraceContext, type TraceContext } from '../domain/record/trace-context';

/** The trace that the records of a request belong to, unless a record names one of its own. */
export function traceOfRequest(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers as Record<string, string | undefined>;
  return parseTraceContext(traceparent, tracestate);
}
