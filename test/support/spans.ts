import { context, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';

/** Registers the real SDK with an exporter in memory, for the tests of a file. */
export function spansInMemory(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  beforeAll(() => provider.register());
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await provider.shutdown();
    trace.disable();
    context.disable();
  });
  return exporter;
}

export const TRACE_ID = 'a'.repeat(32);

/** A `traceparent` of a sampled span with this id of 16 digits. */
export function traceparent(spanId: string, traceId = TRACE_ID): string {
  return `00-${traceId}-${spanId}-01`;
}

/** The header `traceparent` of a record. */
export function traceHeader(value: string): [string, Buffer] {
  return ['traceparent', Buffer.from(value)];
}
