import { randomBytes } from 'node:crypto';
import { createBridgeWorker } from '../../../src/processes/create-bridge-worker';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { traceContextOf } from '../../../src/domain/record/trace-context';
import { createLogger } from '../../../src/telemetry/logger';
import { showFailed } from '../../../src/operations/failed/failed-show';
import { httpSink } from '../../../src/sinks/http/http';
import { startTracing, type RunningTracing } from '../../../src/telemetry/start-tracing';
import { Receiver } from '../../sinks/support/receiver';
import { OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver';
import { BridgeProcesses } from '../support/bridge-processes';
import { message, until, World } from '../support/world';

jest.setTimeout(180_000);

const releases: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

const hex = (bytes: number) => randomBytes(bytes).toString('hex');

/** A trace that a producer has begun. */
function newTrace() {
  const traceId = hex(16);
  return { traceId, traceparent: `00-${traceId}-${hex(8)}-01` };
}

async function collector(): Promise<OtlpReceiver> {
  const receiver = await OtlpReceiver.start();
  releases.push(() => receiver.close());
  return receiver;
}

async function spansTo({ url }: OtlpReceiver): Promise<RunningTracing> {
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '100' });
  const spans = await startTracing(createLogger('silent'));
  releases.push(async () => {
    await spans.stop();
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_BSP_SCHEDULE_DELAY;
  });
  return spans;
}

/** Starts a stream with a receiver that refuses the message `bad`, and a bridge worker. */
async function start(execution: ExecutionOptions, spans?: RunningTracing) {
  const world = new World();
  releases.push(() => world.close());
  const receiver = await Receiver.start();
  releases.push(() => receiver.close());
  const refuse = (body: Buffer) => body.includes('"id":"bad"');
  receiver.answer = (response) =>
    response.writeHead(refuse(receiver.requests.at(-1)!.body) ? 400 : 200).end();
  const { stream } = await world.stream({
    sink: httpSink({ url: receiver.url }),
    execution,
    partitions: 1,
  });
  const { kafka, temporal } = world.settings;
  const bridge = await createBridgeWorker({
    ...{ kafka, temporal, streams: [stream], logger: createLogger('silent') },
    tracing: spans?.tracing,
  });
  bridge.ended.catch(() => undefined);
  releases.push(() => bridge.stop());
  const send = (id: string, traceparent: string) =>
    world.send(stream.topic, [
      { ...message(id), headers: { traceparent, tracestate: 'vendor=1', other: 'x' } },
    ]);
  return { world, stream, receiver, send };
}

/** The traces of a message's requests at the receiver, in the order of the attempts. */
const requestsOf = (receiver: Receiver, id: string) =>
  receiver.requests
    .filter(({ headers }) => headers['idempotency-key'] === id)
    .map(({ headers }) => headers.traceparent as string);

const spanNamed = (spans: ReceivedSpan[], name: string, traceId: string) =>
  spans.find((span) => span.name === name && span.traceId === traceId);

async function memoOf(world: World, workflowId: string) {
  const { client } = await world.temporal();
  return (await client.workflow.getHandle(workflowId).describe()).memo;
}

/** Expects that `bad` is dead-lettered with its own headers, and that its workflow names the trace. */
async function expectDeadLetter(
  world: World,
  stream: AnyStream,
  { traceId, traceparent }: ReturnType<typeof newTrace>,
  workflowId: string,
): Promise<void> {
  await until('dead letter', async () => (await world.records(stream.deadLetterTopic)).length > 0);
  const [letter] = await world.records(stream.deadLetterTopic);
  expect(traceContextOf(letter!)).toEqual({ traceparent, tracestate: 'vendor=1' });
  expect(letter!.headers.slice(0, 3).map(([name]) => name)).toEqual([
    'traceparent',
    'tracestate',
    'other',
  ]);
  expect(await memoOf(world, workflowId)).toMatchObject({ traceparent });
  const { client } = await world.temporal();
  await until('failed', async () => (await world.workflowStatus(workflowId)) === 'FAILED');
  expect(await showFailed(client, [stream], workflowId)).toMatchObject({ traceId });
}

test('the record lane has one trace from the record to workflow, sink and dead letter', async () => {
  const receiving = await collector();
  const { world, stream, receiver, send } = await start(
    { lane: 'record' },
    await spansTo(receiving),
  );
  const [good, bad] = [newTrace(), newTrace()];
  await send('good', good.traceparent);
  await send('bad', bad.traceparent);
  await expectDeadLetter(world, stream, bad, `${stream.name}-bad-1`);
  expect(await memoOf(world, `${stream.name}-good-0`)).toMatchObject({
    traceparent: good.traceparent,
  });
  const process = `process ${stream.topic}`;
  const { spans } = receiving;
  await until('spans', () =>
    Boolean(
      spanNamed(spans, process, good.traceId) &&
      spanNamed(spans, `send ${stream.deadLetterTopic}`, bad.traceId),
    ),
  );
  const delivered = spanNamed(spans, process, good.traceId)!;
  expect(delivered).toMatchObject({
    kind: 5,
    parentSpanId: good.traceparent.split('-')[2],
    attributes: {
      'messaging.system': 'kafka',
      'messaging.destination.name': stream.topic,
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
      'messaging.consumer.group.name': stream.groupId,
      'messaging.message.id': 'good',
      'cloudsync.workflow_id': `${stream.name}-good-0`,
      'cloudsync.outcome': 'delivered',
    },
  });
  // The parent of the receiver's span is the attempt.
  expect(requestsOf(receiver, 'good')).toEqual([`00-${good.traceId}-${delivered.spanId}-01`]);
  const refused = spanNamed(spans, process, bad.traceId)!;
  expect(refused).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'Permanent' } });
  expect(requestsOf(receiver, 'bad')).toEqual([`00-${bad.traceId}-${refused.spanId}-01`]);
});

test('the chunk lane has a span for each chunk with links, and each record keeps its trace', async () => {
  const receiving = await collector();
  const { world, stream, receiver, send } = await start(
    { lane: 'chunk' },
    await spansTo(receiving),
  );
  const [good, bad] = [newTrace(), newTrace()];
  await send('good', good.traceparent);
  await send('bad', bad.traceparent);
  await expectDeadLetter(world, stream, bad, `${stream.name}-bad-1`);
  expect(requestsOf(receiver, 'good')).toEqual([good.traceparent]);
  // The first attempt is in the chunk, and the second in the record's own workflow.
  const [inChunk, alone] = requestsOf(receiver, 'bad');
  expect(inChunk).toBe(bad.traceparent);
  expect(alone).toMatch(new RegExp(`^00-${bad.traceId}-`));
  const { spans } = receiving;
  const linked = () => spans.flatMap(({ links = [] }) => links.map(({ traceId }) => traceId));
  await until('spans', () =>
    Boolean(
      linked().includes(good.traceId) &&
      linked().includes(bad.traceId) &&
      spanNamed(spans, `send ${stream.deadLetterTopic}`, bad.traceId),
    ),
  );
  expect(spanNamed(spans, `process ${stream.topic}`, good.traceId)).toBeUndefined();
});

test.each([{ lane: 'record' }, { lane: 'chunk' }] as const)(
  'without tracing, the $lane lane exports nothing and still passes the trace headers on',
  async (execution) => {
    const receiving = await collector();
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiving.url;
    releases.push(() => Promise.resolve(delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT));
    const { world, stream, receiver, send } = await start(execution);
    const [good, bad] = [newTrace(), newTrace()];
    await send('good', good.traceparent);
    await send('bad', bad.traceparent);
    await expectDeadLetter(world, stream, bad, `${stream.name}-bad-1`);
    expect(requestsOf(receiver, 'good')).toEqual([good.traceparent]);
    expect(new Set(requestsOf(receiver, 'bad'))).toEqual(new Set([bad.traceparent]));
    expect(receiving.requests).toEqual([]);
  },
);

test('a bridge worker exports its last spans on SIGTERM', async () => {
  const receiving = await collector();
  const processes = await BridgeProcesses.create(1, {
    CLOUDSYNC_TRACING: 'true',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiving.url,
    OTEL_BSP_SCHEDULE_DELAY: '600000',
    OTEL_SERVICE_NAME: 'bridge',
  });
  releases.push(() => processes.close());
  const one = await processes.start();
  const { traceId, traceparent } = newTrace();
  const { topic } = processes.stream;
  await processes.world.send(topic, [{ ...message('m'), headers: { traceparent } }]);
  await until('delivered', async () => (await processes.files()).size === 1);
  await until('ended', async () => (await processes.openWorkflows()) === 0);
  expect(receiving.spans).toEqual([]);
  expect(await one.end('SIGTERM')).toBe(0);
  expect(receiving.spans).toMatchObject([{ name: `process ${topic}`, traceId }]);
  expect(receiving.resource).toMatchObject({ 'service.name': 'bridge' });
});
