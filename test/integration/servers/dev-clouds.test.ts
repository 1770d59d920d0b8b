import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressesAsEnvironment } from '../../../src/cli/dev/dev-up';
import { loadSettings } from '../../../src/settings/config';
import { down, freePort, status, up, userCacheDirectory } from '../../../src/dev-servers';
import { isFree } from '../../../src/dev-servers/common/ports';
import { waitUntil } from '../../../src/dev-servers/process/wait';
import { loadStreams } from '../../../src/cli/options/load-streams';
import { write } from '../../sinks/support/write';

// The first run builds versitygw and installs Azurite.
jest.setTimeout(600_000);

const given = { brokers: ['127.0.0.1:1'], temporalAddress: '127.0.0.1:2' };
const progress = () => undefined;
const cacheDirectory = userCacheDirectory(process.env);

let directory: string;
let ports: { s3: number; blob: number };
const upClouds = (options: object = {}) =>
  up({ ...{ directory, cacheDirectory, given, ports, cloud: true, progress }, ...options });
const clouds = async () => (await status({ directory })).slice(2);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-dev-clouds-'));
  ports = { s3: await freePort(), blob: await freePort() };
});
afterAll(async () => {
  await down({ directory, progress });
  await rm(directory, { recursive: true });
});

async function stored(env: NodeJS.ProcessEnv): Promise<string[][]> {
  const held: string[][] = [];
  for (const { sink } of await loadStreams(loadSettings(env))) {
    const values: string[] = [];
    for await (const value of sink.stored!()) values.push(String(value));
    held.push(values);
    await sink.close?.();
  }
  return held;
}

test('up starts both storages beside given servers, with bucket, container and environment', async () => {
  expect(await clouds()).toEqual([]);
  const addresses = await upClouds();
  expect(addresses).toMatchObject({
    kafka: { brokers: given.brokers },
    cloud: {
      s3: { endpoint: `http://127.0.0.1:${ports.s3}`, bucket: 'cloudsync' },
      blob: { endpoint: `http://127.0.0.1:${ports.blob}`, container: 'cloudsync' },
    },
  });
  expect(await clouds()).toMatchObject([
    { name: 's3', running: true, startedByUs: true },
    { name: 'blob', running: true, startedByUs: true },
  ]);
  const env = addressesAsEnvironment(addresses);
  for (const { sink } of await loadStreams(loadSettings(env))) {
    await expect(write(sink)).resolves.toMatchObject({ outcome: 'written' });
    await sink.close?.();
  }
  expect(await stored(env)).toEqual([['{"id":"42"}'], ['{"id":"42"}']]);
});

test('a second up starts nothing, and up after down or SIGKILL starts both with their data', async () => {
  const before = (await clouds()).map(({ pid }) => pid!);
  const addresses = await upClouds();
  expect((await clouds()).map(({ pid }) => pid)).toEqual(before);
  await down({ directory, progress });
  await upClouds();
  expect(await stored(addressesAsEnvironment(addresses))).toEqual([
    ['{"id":"42"}'],
    ['{"id":"42"}'],
  ]);
  for (const { pid } of await clouds()) process.kill(pid!, 'SIGKILL');
  const dead = async () => (await clouds()).every(({ running }) => !running);
  expect(await waitUntil(dead, { everyMs: 20, deadlineMs: 10_000 })).toBe(true);
  expect(await upClouds()).toEqual(addresses);
});

test('up does not start a storage that the environment names', async () => {
  const other = join(directory, 'other');
  const named = { ...given, s3: true, blob: true };
  expect(await upClouds({ directory: other, given: named })).toMatchObject({ cloud: {} });
  expect((await status({ directory: other })).map(({ name }) => name)).toEqual([
    'kafka',
    'temporal',
  ]);
});

test('down does not stop the storages in except', async () => {
  expect(await down({ directory, except: ['s3'], progress })).toEqual({ stopped: ['blob'] });
  expect(await clouds()).toMatchObject([{ name: 's3', running: true }]);
  await upClouds();
});

test('down stops both storages and frees their ports', async () => {
  expect(await down({ directory, progress })).toEqual({ stopped: ['s3', 'blob'] });
  expect(await Promise.all([isFree(ports.s3), isFree(ports.blob)])).toEqual([true, true]);
});
