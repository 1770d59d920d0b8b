import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities } from '../../src/activities/create-activities';
import { createDeadLetterWriter } from '../../src/activities/dead-letters/dead-letter-writer';
import { ChunkMemory } from '../../src/bridge/chunk-lane/chunk-memory';
import { RecentLayer } from '../../src/dedupe/recent-layer';
import type { Producer } from '../../src/kafka/kafka';
import type { RecordActivities } from '../../src/domain/workflow/record-activities';
import { DeliveryError } from '../../src/domain/errors';
import { encodeContent, type KafkaRecord } from '../../src/domain/record/record';
import { DEFAULT_RETRY_POLICY } from '../../src/domain/stream/retry-policy';
import type { Sink, SinkRecord, WriteContext } from '../../src/domain/stream/sink';
import { traceContextOf } from '../../src/domain/record/trace-context';
import { InMemoryIdempotencyService } from '../../src/dedupe/in-memory-idempotency-service';
import { Tracing } from '../../src/telemetry/tracing';
import { kafkaRecord, testStream } from '../domain/support/records';
import { spansInMemory, TRACE_ID, traceHeader, traceparent } from '../support/spans';
import { noChunks } from './support/no-chunks';
import { recordOfMessage } from './support/sent-message';

const exporter = spansInMemory();
const PARENT = 'b'.repeat(16);
const traced = (given: Partial<KafkaRecord> = {}) =>
  kafkaRecord({ headers: [traceHeader(traceparent(PARENT))], ...given });

interface Call {
  record: SinkRecord;
  context: WriteContext;
}

/** Creates the activities of a stream whose sink notes its calls. Tracing is off unless `tracing` is given. */
function world(tracing?: Tracing, given: Partial<Sink> = {}, error?: Error) {
  const calls: Call[] = [];
  const letters: KafkaRecord[] = [];
  const held = new ChunkMemory();
  const sink: Sink = {
    write(record, context) {
      calls.push({ record, context });
      return error ? Promise.reject(error) : Promise.resolve({ outcome: 'written' });
    },
    ...given,
  };
  const producer = {
    send: ({ topic, messages: [message] }: Parameters<Producer['send']>[0]) => {
      letters.push(recordOfMessage(topic, message));
      return Promise.resolve([{}]);
    },
  } as unknown as Producer;
  const activities = createActivities({
    stream: testStream({ sink }),
    deadLetters: createDeadLetterWriter(producer, noChunks.reader, tracing),
    events: {
      duplicateAtSink: () => undefined,
      deadLettered: () => undefined,
      attemptFailed: () => undefined,
      attemptSucceeded: () => undefined,
    },
    chunks: {
      ...noChunks,
      remembered: held,
      recent: new RecentLayer(new InMemoryIdempotencyService({ maxEntries: 1_000 }), 30_000),
      events: {
        ...noChunks.events,
        checked: () => undefined,
        delivered: () => undefined,
        attemptSucceeded: () => undefined,
      },
    },
    tracing,
  });
  const run = <T>(use: (activities: RecordActivities) => Promise<T>): Promise<T> =>
    new MockActivityEnvironment(
      { isLocal: true, startToCloseTimeoutMs: 6_500 },
      { logger: new DefaultLogger('ERROR') },
    ).run(() => use(activities));
  return { calls, letters, held, run };
}

function input(record: KafkaRecord) {
  const { topic, partition, offset, timestamp } = record;
  const identity = { stream: 'test', messageId: '42', topic, partition, offset, timestamp };
  return { ...identity, content: encodeContent(record) };
}

const spans = () => exporter.getFinishedSpans();

describe('deliver', () => {
  test('makes a span in the trace of the record, and gives it to the sink as parent', async () => {
    const { calls, run } = world(new Tracing());
    await run((activities) => activities.deliver(input(traced()), 0));
    const [one] = spans();
    expect(one).toMatchObject({
      name: 'process topic',
      parentSpanContext: { traceId: TRACE_ID, spanId: PARENT },
      attributes: { 'cloudsync.outcome': 'delivered', 'messaging.message.id': '42' },
    });
    const [{ context, record }] = calls as [Call];
    expect(context.trace).toEqual({ traceparent: traceparent(one!.spanContext().spanId) });
    // The record keeps its own headers.
    expect(traceContextOf(record)).toEqual({ traceparent: traceparent(PARENT) });
  });

  test('makes a span with the type of the failure if the attempt fails', async () => {
    const { run } = world(new Tracing(), {}, new DeliveryError('Throttled', 'slow down'));
    await expect(run((activities) => activities.deliver(input(traced()), 0))).rejects.toThrow(
      'slow down',
    );
    expect(spans()).toMatchObject([{ attributes: { 'error.type': 'Throttled' } }]);
  });

  test('makes no span if tracing is off, and the sink has only the headers', async () => {
    const { calls, run } = world();
    await run((activities) => activities.deliver(input(traced()), 0));
    expect(spans()).toEqual([]);
    expect(calls[0]!.context).not.toHaveProperty('trace');
    expect(traceContextOf(calls[0]!.record)).toEqual({ traceparent: traceparent(PARENT) });
  });
});

describe('deliverChunk', () => {
  const records = [
    traced({ offset: 0 }),
    kafkaRecord({ offset: 1, value: Buffer.from('{"id":"1"}') }),
  ];
  const { topic, partition, timestamp } = records[0]!;
  const chunk = {
    ...{ stream: 'test', topic, partition, first: 0, last: 1 },
    ...{ count: 2, timestamp, firstRecord: 0 },
  };

  test('makes one span, with links to the traces of its records', async () => {
    const { calls, held, run } = world(new Tracing());
    held.remember(chunk, records);
    await run((activities) => activities.deliverChunk(chunk, DEFAULT_RETRY_POLICY));
    expect(spans()).toMatchObject([
      {
        name: 'process topic',
        links: [{ context: { traceId: TRACE_ID, spanId: PARENT } }],
        attributes: { 'messaging.batch.message_count': 2, 'cloudsync.chunk.delivered': 2 },
      },
    ]);
    expect(calls).toHaveLength(2);
    for (const { context } of calls) expect(context).not.toHaveProperty('trace');
  });

  test("makes a span that is the parent of the object's request", async () => {
    const contexts: WriteContext[] = [];
    const { held, run } = world(new Tracing(), {
      writeChunk: (_, __, context) => {
        contexts.push(context);
        return Promise.resolve({ outcome: 'written' });
      },
    });
    held.remember(chunk, records);
    await run((activities) => activities.deliverChunk(chunk, DEFAULT_RETRY_POLICY));
    const { traceId, spanId } = spans()[0]!.spanContext();
    expect(contexts).toMatchObject([{ trace: { traceparent: traceparent(spanId, traceId) } }]);
  });

  test('makes no span for a chunk if tracing is off', async () => {
    const { calls, held, run } = world();
    held.remember(chunk, records);
    await run((activities) => activities.deliverChunk(chunk, DEFAULT_RETRY_POLICY));
    expect(calls).toHaveLength(2);
    expect(spans()).toEqual([]);
  });
});

test.each([true, false])(
  'a dead letter keeps the trace headers of its record (tracing is on: %p)',
  async (on) => {
    const { letters, run } = world(on ? new Tracing() : undefined);
    const failure = { type: 'Permanent', message: 'no', attempts: 1 };
    await run((activities) => activities.deadLetter(input(traced()), failure));
    expect(letters[0]!.headers[0]).toEqual(traceHeader(traceparent(PARENT)));
    expect(letters[0]!.headers.filter(([name]) => name === 'traceparent')).toHaveLength(1);
    expect(spans()).toMatchObject(
      on
        ? [
            {
              name: 'send test-sync-dlq',
              parentSpanContext: { traceId: TRACE_ID, spanId: PARENT },
              attributes: { 'messaging.message.id': '42' },
            },
          ]
        : [],
    );
  },
);
