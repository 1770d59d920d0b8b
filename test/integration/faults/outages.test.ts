import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  freePort,
  startKafka,
  startTemporal,
  userCacheDirectory,
  type SingleServer,
} from '../../../src/dev-servers';
import type { ExecutionOptions } from '../../../src/domain/stream/stream';
import { World, counterValue, messageValue, until } from '../support/world';

jest.setTimeout(240_000);

let directory: string;
let kafka: SingleServer;
let temporal: SingleServer;
let restartKafka: () => Promise<SingleServer>;
let restartTemporal: () => Promise<SingleServer>;
let world: World;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-outages-'));
  const cacheDirectory = userCacheDirectory(process.env);
  const common = { directory, cacheDirectory, progress: () => undefined };
  const [port, temporalPort, uiPort] = [await freePort(), await freePort(), await freePort()];
  restartKafka = () => startKafka({ ...common, port, heap: '512m' });
  restartTemporal = () => startTemporal({ ...common, port: temporalPort, uiPort, download: false });
  [kafka, temporal] = await Promise.all([restartKafka(), restartTemporal()]);
});
afterAll(async () => {
  await Promise.all([kafka.stop(), temporal.stop()]);
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  world = new World({ KAFKA_BROKERS: kafka.address, TEMPORAL_ADDRESS: temporal.address });
});
afterEach(() => world.close());

const messages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `m${from + i}`,
    value: messageValue(`m${from + i}`),
  }));

describe.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk', maxRecords: 2, lingerMs: 0 } },
])('in the $execution.lane lane', ({ execution }) => {
  test('all records are delivered once after Temporal was down for 15 s', async () => {
    const { stream, sink } = await world.stream({ execution });
    const bridge = await world.bridge(stream);
    await world.send(stream.topic, messages(0, 50));
    await until('some delivered', () => sink.objects.size >= 20);
    await temporal.kill();
    await world.send(stream.topic, messages(50, 100));
    await until('not ready', () => Object.keys(bridge.faults()).length > 0);
    await sleep(15_000);
    temporal = await restartTemporal();
    await until('all delivered', () => sink.objects.size === 100, 120_000);
    await until('all committed', async () => (await world.lag(stream)) === 0);
    await until('ready again', () => Object.keys(bridge.faults()).length === 0);
    expect(await counterValue(bridge.metrics.backoff, {})).toBeGreaterThan(0);
  });

  test('all records are delivered once after the broker was killed under load', async () => {
    const { stream, sink } = await world.stream({ execution });
    await world.bridge(stream);
    await world.send(stream.topic, messages(0, 150));
    await until('some delivered', () => sink.objects.size >= 30);
    await kafka.kill();
    await sleep(3_000);
    kafka = await restartKafka();
    await world.send(stream.topic, messages(150, 200));
    await until('all delivered', () => sink.objects.size === 200, 120_000);
    await until('all committed', async () => (await world.lag(stream)) === 0);
  });
});

test('a bridge worker without work is not ready while Temporal is away', async () => {
  const { stream } = await world.stream();
  const bridge = await world.bridge(stream);
  await until('ready', () => Object.keys(bridge.faults()).length === 0);
  await temporal.kill();
  await until('not ready', () => 'temporal' in bridge.faults());
  temporal = await restartTemporal();
  await until('ready again', () => Object.keys(bridge.faults()).length === 0);
});
