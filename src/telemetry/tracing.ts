import {
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Link,
  type Span,
  type SpanContext,
  type SpanOptions,
} from '@opentelemetry/api';
import type { ChunkInput } from '../domain/workflow/chunk';
import { errorMessage } from '../domain/errors';
import type { KafkaRecord, RecordPosition } from '../domain/record/record';
import type { AnyStream } from '../domain/stream/stream';
import {
  parseTraceContext,
  traceContextOf,
  type TraceContext,
} from '../domain/record/trace-context';

/**
 * The most links of a span. Each record of a chunk may come from another trace, and a span does not name all
 * of them.
 */
const MAX_LINKS = 32;

/** A span that has begun. It ends when the function that runs in it has ended. */
export interface OpenSpan {
  /**
   * The span as the parent of the requests that it causes, for their headers. `undefined` if no SDK is
   * registered.
   */
  readonly trace: TraceContext | undefined;
  /**
   * Runs `use` with the span as the active one, and then ends the span. The span gets `attributes` of the
   * result, or the class of the error, which is thrown again.
   */
  around<T>(use: () => Promise<T>, attributes?: (result: T) => Attributes): Promise<T>;
}

/** Runs `use` in the span, or without a span if tracing is off. */
export function within<T>(
  span: OpenSpan | undefined,
  use: () => Promise<T>,
  attributes?: (result: T) => Attributes,
): Promise<T> {
  return span ? span.around(use, attributes) : use();
}

/** Which workflow a span belongs to, and which attempt of its activity it is. */
export interface SpanWorkflow {
  workflowExecution?: { workflowId: string; runId: string };
  attempt: number;
}

/**
 * Makes the spans of CloudSync, named after OpenTelemetry's conventions for messaging. The spans go to the
 * SDK that is registered with `@opentelemetry/api`, by `startTracing` or by the program itself.
 */
export class Tracing {
  readonly #tracer = trace.getTracer('cloudsync');

  /**
   * Records on their way into a topic: `trace` of the span is for their headers.
   * @internal
   */
  send(
    topic: string,
    parent: TraceContext | undefined,
    { messageId, count }: { messageId?: string | undefined; count?: number } = {},
  ): OpenSpan {
    return this.#start('send', SpanKind.PRODUCER, topic, parent, {
      attributes: {
        ...(messageId !== undefined && { 'messaging.message.id': messageId }),
        ...(count !== undefined && { 'messaging.batch.message_count': count }),
      },
    });
  }

  /**
   * One attempt to deliver a record; a part of the record's own trace.
   * @internal
   */
  process(
    stream: AnyStream,
    record: RecordPosition & Pick<KafkaRecord, 'headers'> & { messageId: string },
    workflow: SpanWorkflow,
  ): OpenSpan {
    const { topic, partition, offset, messageId } = record;
    return this.#start('process', SpanKind.CONSUMER, topic, traceContextOf(record), {
      attributes: {
        ...consumerAttributes(stream, partition, workflow),
        'messaging.kafka.offset': offset,
        'messaging.message.id': messageId,
      },
    });
  }

  /**
   * One attempt to deliver a chunk; a trace of its own, with links to those of its records.
   * @internal
   */
  processChunk(
    stream: AnyStream,
    { topic, partition, first, last }: ChunkInput,
    records: KafkaRecord[],
    workflow: SpanWorkflow,
  ): OpenSpan {
    return this.#start('process', SpanKind.CONSUMER, topic, undefined, {
      links: linksTo(records),
      attributes: {
        ...consumerAttributes(stream, partition, workflow),
        'messaging.batch.message_count': records.length,
        'cloudsync.chunk.first': first,
        'cloudsync.chunk.last': last,
      },
    });
  }

  #start(
    operation: 'send' | 'process',
    kind: SpanKind,
    topic: string,
    parent: TraceContext | undefined,
    { attributes, ...options }: SpanOptions,
  ): OpenSpan {
    const remote = parent && spanContextOf(parent);
    const span = this.#tracer.startSpan(
      `${operation} ${topic}`,
      {
        ...options,
        kind,
        attributes: {
          'messaging.system': 'kafka',
          'messaging.destination.name': topic,
          'messaging.operation.name': operation,
          'messaging.operation.type': operation,
          ...attributes,
        },
      },
      remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT,
    );
    return { trace: traceContextFrom(span.spanContext()), around: aroundOf(span) };
  }
}

function consumerAttributes(
  stream: AnyStream,
  partition: number,
  { workflowExecution, attempt }: SpanWorkflow,
): Attributes {
  return {
    'messaging.destination.partition.id': String(partition),
    'messaging.consumer.group.name': stream.groupId,
    'cloudsync.stream': stream.name,
    'cloudsync.attempt': attempt,
    ...(workflowExecution && {
      'cloudsync.workflow_id': workflowExecution.workflowId,
      'cloudsync.run_id': workflowExecution.runId,
    }),
  };
}

function aroundOf(span: Span): OpenSpan['around'] {
  return async (use, attributes) => {
    try {
      const result = await context.with(trace.setSpan(context.active(), span), use);
      if (attributes) span.setAttributes(attributes(result));
      return result;
    } catch (error) {
      span.setAttribute('error.type', errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: errorMessage(error) });
      throw error;
    } finally {
      span.end();
    }
  };
}

/** The type of a delivery failure, or else the name of the error. */
function errorType(error: unknown): string {
  const { type, name } = Object(error) as { type?: unknown; name?: unknown };
  if (typeof type === 'string' && type !== '') return type;
  return typeof name === 'string' ? name : '_OTHER';
}

/** Links to the traces of the records, each distinct trace once. */
function linksTo(records: KafkaRecord[]): Link[] {
  const links = new Map<string, Link>();
  for (const record of records) {
    const parent = traceContextOf(record);
    if (parent) links.set(parent.traceparent, { context: spanContextOf(parent) });
    if (links.size >= MAX_LINKS) break;
  }
  return [...links.values()];
}

function spanContextOf({ traceparent, tracestate }: TraceContext): SpanContext {
  const [, traceId, spanId, flags] = traceparent.split('-');
  return {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
}

function traceContextFrom(span: SpanContext): TraceContext | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  const tracestate = span.traceState?.serialize();
  return parseTraceContext(`00-${span.traceId}-${span.spanId}-${flags}`, tracestate || undefined);
}
