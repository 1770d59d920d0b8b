import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { DeliveryError } from '../../src/domain/errors';
import { Tracing, within } from '../../src/telemetry/tracing';
import { kafkaRecord, testStream } from '../domain/support/records';
import { spansInMemory, TRACE_ID, traceHeader, traceparent } from '../support/spans';

const exporter = spansInMemory();
const tracing = new Tracing();
const stream = testStream();
const PARENT = 'b'.repeat(16);
const workflow = { workflowExecution: { workflowId: 'test-42-7', runId: 'run' }, attempt: 2 };

const finished = () => exporter.getFinishedSpans();
const nothing = () => Promise.resolve();

test('a send span is a child of the given trace, and the parent of the records', async () => {
  const parent = { traceparent: traceparent(PARENT), tracestate: 'vendor=1' };
  const span = tracing.send('shop.orders', parent, { count: 3 });
  await span.around(nothing);
  const [one] = finished();
  expect(one).toMatchObject({
    name: 'send shop.orders',
    kind: SpanKind.PRODUCER,
    parentSpanContext: { traceId: TRACE_ID, spanId: PARENT, isRemote: true },
    attributes: {
      'messaging.system': 'kafka',
      'messaging.destination.name': 'shop.orders',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.batch.message_count': 3,
    },
  });
  // The headers of the records have the same trace, with this span as the parent.
  expect(span.trace).toEqual({
    traceparent: traceparent(one!.spanContext().spanId),
    tracestate: 'vendor=1',
  });
});

test('a send span without a parent begins a trace', async () => {
  const span = tracing.send('shop.orders', undefined);
  await span.around(nothing);
  expect(finished()[0]!.parentSpanContext).toBeUndefined();
  expect(span.trace!.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test("an attempt to deliver a record is a span of the record's trace", async () => {
  const record = {
    ...kafkaRecord({ headers: [traceHeader(traceparent(PARENT))] }),
    messageId: '42',
  };
  const span = tracing.process(stream, record, workflow);
  await span.around(
    () => Promise.resolve('delivered'),
    (outcome) => ({ 'cloudsync.outcome': outcome }),
  );
  const [one] = finished();
  expect(one).toMatchObject({
    name: 'process topic',
    kind: SpanKind.CONSUMER,
    parentSpanContext: { traceId: TRACE_ID, spanId: PARENT },
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'messaging.system': 'kafka',
      'messaging.destination.name': 'topic',
      'messaging.destination.partition.id': '0',
      'messaging.consumer.group.name': 'test-sync-group',
      'messaging.kafka.offset': 7,
      'messaging.message.id': '42',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'cloudsync.stream': 'test',
      'cloudsync.workflow_id': 'test-42-7',
      'cloudsync.run_id': 'run',
      'cloudsync.attempt': 2,
      'cloudsync.outcome': 'delivered',
    },
  });
});

test('an unsampled trace gets no span, and is passed on unsampled', async () => {
  const unsampled = traceparent(PARENT).replace(/01$/, '00');
  const record = { ...kafkaRecord({ headers: [traceHeader(unsampled)] }), messageId: '42' };
  const span = tracing.process(stream, record, workflow);
  await span.around(nothing);
  expect(finished()).toEqual([]);
  expect(span.trace!.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
});

test.each([
  [new DeliveryError('Throttled', 'slow down'), 'Throttled', 'slow down'],
  [new TypeError('no'), 'TypeError', 'no'],
  ['text', '_OTHER', 'text'],
])(
  'a span ends with the class of the error %p, and the error is thrown again',
  async (error, type, message) => {
    const span = tracing.send('t', undefined);
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- sinks throw anything
    await expect(span.around(() => Promise.reject(error))).rejects.toBe(error);
    expect(finished()).toMatchObject([
      { status: { code: SpanStatusCode.ERROR, message }, attributes: { 'error.type': type } },
    ]);
  },
);

test('a span is active while its function runs', async () => {
  const span = tracing.send('t', undefined);
  await span.around(async () => {
    await Promise.resolve();
    trace.getTracer('client').startSpan('request').end();
  });
  const [request, send] = finished();
  expect(request!.parentSpanContext!.spanId).toBe(send!.spanContext().spanId);
});

describe('a chunk', () => {
  const chunk = { stream: 'test', topic: 'topic', partition: 3, first: 0, last: 99, count: 100 };
  const input = { ...chunk, timestamp: 0, firstRecord: 0 };
  const spanId = (i: number) => i.toString(16).padStart(16, '1');

  test('has a trace of its own, with links to the traces of its records', async () => {
    const headers = [[1], [2], [1], []].map((ids) =>
      ids.map((i) => traceHeader(traceparent(spanId(i)))),
    );
    const records = headers.map((one, offset) => kafkaRecord({ offset, headers: one }));
    await tracing.processChunk(stream, input, records, workflow).around(nothing);
    const [one] = finished();
    expect(one).toMatchObject({
      name: 'process topic',
      kind: SpanKind.CONSUMER,
      links: [1, 2].map((i) => ({ context: { traceId: TRACE_ID, spanId: spanId(i) } })),
      attributes: {
        'messaging.batch.message_count': 4,
        'messaging.destination.partition.id': '3',
        'cloudsync.chunk.first': 0,
        'cloudsync.chunk.last': 99,
      },
    });
    expect(one!.links).toHaveLength(2);
    expect(one!.parentSpanContext).toBeUndefined();
    expect(one!.spanContext().traceId).not.toBe(TRACE_ID);
  });

  test('has at most 32 links', async () => {
    const records = Array.from({ length: 100 }, (_, i) =>
      kafkaRecord({ offset: i, headers: [traceHeader(traceparent(spanId(i)))] }),
    );
    await tracing.processChunk(stream, input, records, workflow).around(nothing);
    expect(finished()[0]!.links).toHaveLength(32);
  });
});

test('there is no span without tracing', async () => {
  await expect(within(undefined, () => Promise.resolve(1))).resolves.toBe(1);
  expect(finished()).toEqual([]);
});
