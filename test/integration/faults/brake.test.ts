import { WorkflowNotFoundError } from '@temporalio/client';
import type { BrakeLimits } from '../../../src/domain/stream/brake';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { reconcile } from '../../../src/operations/reconcile/reconcile';
import { heldBack, resumeStream } from '../../../src/operations/resume';
import { streamStatus } from '../../../src/operations/status/status';
import { s3Sink } from '../../../src/sinks/object-store/s3';
import { startClouds, STORE, type Clouds } from '../support/clouds';
import { counterValue, message, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const COUNT = 200;
const messages = Array.from({ length: COUNT }, (_, i) => message(`m${i}`));
/** Limits of a brake that trips early and probes soon. */
const soon: Partial<BrakeLimits> = { minimum: 10, probeAfterMs: 2_000 };
/** Limits of a brake that trips early and does not probe during a test. */
const never: Partial<BrakeLimits> = { minimum: 10, probeAfterMs: 600_000 };

async function status(stream: AnyStream) {
  const { client } = await world.temporal();
  return streamStatus(world.kafka(), client, stream);
}

const deadLetters = async (stream: AnyStream) =>
  (await world.records(stream.deadLetterTopic)).length;

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk', maxRecords: 50, lingerMs: 5 } },
])('in the $execution.lane lane', ({ execution }) => {
  test('a sink that rejects everything brakes its stream, and the first delivery ends the brake', async () => {
    const { stream, sink } = await world.stream({ execution, maxOpen: 20, brake: soon });
    let rejects = true;
    sink.before = () => {
      if (rejects) throw new DeliveryError('Permanent', 'the key was revoked');
    };
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, messages);
    await until('it is braked', () => `brake ${stream.name}` in bridge.notices!());
    expect(Object.values(bridge.notices!())[0]).toMatch(
      /^braked since .+ dead letters, 100 % of the records that ended, most of them Permanent; "cloudsync resume/,
    );
    expect(bridge.faults()).toEqual({});
    expect(await counterValue(bridge.metrics.braked, { stream: stream.name })).toBe(1);
    expect(await world.workflowStatus(`${stream.name}-brake`)).toBe('RUNNING');
    expect((await status(stream)).braked).toMatchObject({ reason: 'Permanent', share: 1 });
    const ended = () => counterValue(bridge.metrics.records, { outcome: 'dead_lettered' });
    // Chunks stay open: records that must leave them wait for the end of the brake.
    const open = async () => (await status(stream)).running;
    if (execution.lane === 'record')
      await until('no record is open', async () => (await open()) === 0);
    const before = await ended();
    await until('one was let through', async () => (await ended()) > before);
    rejects = false;
    await until('it goes on', () => Object.keys(bridge.notices!()).length === 0);
    await until('all that is left is delivered', async () => (await world.lag(stream)) === 0);
    await until('nothing is open', async () => (await open()) === 0);
    const account = await reconcile(world.kafka(), (await world.temporal()).client, stream);
    expect(account).toMatchObject({ messages: COUNT, missing: 0, double: 0 });
    // Only records that were open when the brake tripped, and the probes, are dead-lettered.
    expect(account.deadLettered).toBeLessThan(COUNT / 2);
    expect(account.deadLettered + account.delivered).toBe(COUNT);
    expect((await status(stream)).braked).toBeNull();
    expect(await counterValue(bridge.metrics.braked, { stream: stream.name })).toBe(0);
  });

  test('a worker that only writes dead letters does not brake a healthy stream', async () => {
    const { stream, sink } = await world.stream({ execution, brake: { ...soon, minimum: 3 } });
    const bridge = await world.bridge(stream);
    await world.worker(stream);
    await world.send(stream.topic, messages.slice(0, 100));
    await until('delivered', () => sink.objects.size === 100);
    const poison = Array.from({ length: 40 }, (_, i) => ({ key: `p${i}`, value: 'no JSON' }));
    await world.send(stream.topic, poison);
    await until('dead-lettered', async () => (await deadLetters(stream)) === 40);
    await world.send(stream.topic, messages.slice(100));
    await until('delivered too', () => sink.objects.size === COUNT);
    expect(bridge.notices!()).toEqual({});
    const braked = world.workflowStatus(`${stream.name}-brake`);
    await expect(braked).rejects.toBeInstanceOf(WorkflowNotFoundError);
  });
});

test('a brake outlives its bridge worker, applies to all others, and is ended by an operator', async () => {
  const { stream, sink } = await world.stream({ maxOpen: 20, brake: never });
  let rejects = true;
  sink.before = () => {
    if (rejects) throw new DeliveryError('Permanent', 'the key was revoked');
  };
  const first = await world.bridge(stream);
  await world.send(stream.topic, messages);
  await until('it is braked', () => Object.keys(first.notices!()).length > 0);
  await until('no record is open', async () => (await status(stream)).running === 0);
  await first.stop();
  rejects = false;
  const [second, third] = [await world.bridge(stream), await world.bridge(stream)];
  const attempts = sink.attempts.length;
  for (const one of [second, third]) {
    await until('it knows', () => `brake ${stream.name}` in one.notices!());
    await until('it consumes', () => Object.keys(one.faults()).length === 0);
  }
  expect(sink.attempts).toHaveLength(attempts);
  expect((await status(stream)).lag).toBeGreaterThan(0);
  const { client } = await world.temporal();
  const braked = { stream, paused: false, braked: true };
  expect(await heldBack(client, [stream])).toEqual([braked]);
  expect(await resumeStream(client, braked, 'me@here')).toBe('resumed');
  expect(await heldBack(client, [stream])).toEqual([{ ...braked, braked: false }]);
  await until('all that is left is delivered', async () => (await world.lag(stream)) === 0);
  await until('the other ones know', () =>
    [second, third].every((one) => Object.keys(one.notices!()).length === 0),
  );
});

test('a stream without a brake continues when its sink rejects everything', async () => {
  const { stream, sink } = await world.stream({ brake: false });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  const bridge = await world.bridge(stream);
  await world.send(stream.topic, messages.slice(0, 120));
  const ended = () => counterValue(bridge.metrics.records, { outcome: 'dead_lettered' });
  await until('all dead-lettered', async () => (await ended()) === 120);
});

describe('against a real S3', () => {
  let clouds: Clouds;
  beforeAll(async () => (clouds = await startClouds()));
  afterAll(() => clouds.close());

  const sink = (secretAccessKey: string) =>
    s3Sink({
      bucket: STORE,
      forcePathStyle: true,
      clientConfig: {
        endpoint: clouds.s3,
        region: clouds.env.AWS_REGION!,
        credentials: { accessKeyId: clouds.env.AWS_ACCESS_KEY_ID!, secretAccessKey },
      },
    });

  test('wrong credentials brake the stream after the first dead letters, and it continues when they are corrected', async () => {
    const options = {
      maxOpen: 20,
      brake: never,
      retry: { fastAttempts: 1, maximumAttempts: 2, initialIntervalMs: 100 },
    };
    // The credentials were right when the stream started, and were changed afterwards.
    const check = () => Promise.resolve();
    const wrong = await world.stream({ ...options, sink: { ...sink('wrong'), check } });
    const bridge = await world.bridge(wrong.stream);
    await world.send(wrong.stream.topic, messages);
    await until('it is braked', () => Object.keys(bridge.notices!()).length > 0);
    await until('no record is open', async () => (await status(wrong.stream)).running === 0);
    const given = await deadLetters(wrong.stream);
    expect(given).toBeLessThan(COUNT / 2);
    expect((await status(wrong.stream)).braked).toMatchObject({ reason: 'Transient' });
    await bridge.stop();
    const { name, topic, groupId, deadLetterTopic } = wrong.stream;
    const mended = {
      ...wrong.stream,
      ...{ name, topic, groupId, deadLetterTopic },
      sink: sink(clouds.env.AWS_SECRET_ACCESS_KEY!),
    };
    await world.bridge(mended);
    const { client } = await world.temporal();
    const braked = { stream: mended, paused: false, braked: true };
    expect(await resumeStream(client, braked, 'me@here')).toBe('resumed');
    await until('all that is left is started', async () => (await world.lag(mended)) === 0);
    await until('and delivered', async () => (await status(mended)).running === 0);
    expect(await reconcile(world.kafka(), client, mended)).toMatchObject({
      delivered: COUNT - given,
      deadLettered: given,
      missing: 0,
      double: 0,
    });
  });
});
