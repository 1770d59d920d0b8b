import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  startTemporal,
  userCacheDirectory,
  type SingleServer,
} from '../../../src/dev-servers';
import { reconcile } from '../../../src/operations/reconcile/reconcile';
import { counterValue, message, until, World } from '../support/world';

jest.setTimeout(240_000);

/**
 * Requests per second of the namespace, including polls and completions of tasks; the burst is twice the rate.
 * Temporal's client repeats a refused request by itself for 10 s. The bridge therefore sees a refusal only if it
 * tries more starts at once than pass in that time: 2 x 8 + 10 x 8 = 96. With a low rate, a slow machine exceeds
 * it as well.
 */
const LIMIT = 8;
const COUNT = 150;

let directory: string;
let temporal: SingleServer;
let world: World;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-limits-'));
  temporal = await startTemporal({
    directory,
    cacheDirectory: userCacheDirectory(process.env),
    port: await freePort(),
    uiPort: await freePort(),
    download: false,
    dynamicConfig: { 'frontend.namespaceRPS': LIMIT },
    progress: () => undefined,
  });
});
afterAll(async () => {
  await temporal.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  world = new World({ ...process.env, TEMPORAL_ADDRESS: temporal.address });
});
afterEach(() => world.close());

test('starts slow down when the server refuses them, and no record is lost', async () => {
  const { stream, sink } = await world.stream({ maxInFlight: COUNT });
  const bridge = await world.bridge(stream);
  const limit = () => counterValue(bridge.metrics.startLimit, { stream: stream.name });
  expect(await limit()).toBe(Infinity);
  await world.send(
    stream.topic,
    Array.from({ length: COUNT }, (_, i) => message(`m${i}`)),
  );
  const limits: number[] = [];
  await until(
    'all delivered',
    async () => {
      const now = await limit();
      if (now !== limits.at(-1)) limits.push(now);
      return sink.objects.size === COUNT;
    },
    180_000,
  );
  await until('all committed', async () => (await world.lag(stream)) === 0);
  const lowered = limits.filter((one, i) => i > 0 && one < limits[i - 1]!);
  const raised = limits.filter((one, i) => i > 0 && one > limits[i - 1]!);
  expect([lowered.length > 0, raised.length > 0]).toEqual([true, true]);
  expect(
    await counterValue(bridge.metrics.backoff, { reason: 'resource_exhausted' }),
  ).toBeGreaterThan(0);
  // Refusals for the rate neither pause the stream nor make it not ready.
  expect(Object.keys(bridge.faults()).filter((fault) => fault.startsWith('temporal '))).toEqual([]);
  const { client } = await world.temporal();
  expect(await reconcile(world.kafka(), client, stream)).toMatchObject({
    messages: COUNT,
    delivered: COUNT,
    deadLettered: 0,
    missing: 0,
    double: 0,
  });
});
