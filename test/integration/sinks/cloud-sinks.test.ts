import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ReconcileReport } from '../../../src/operations/reconcile/reconcile';
import { BridgeProcesses } from '../support/bridge-processes';
import { startClouds, type Clouds } from '../support/clouds';
import { messageValue, uniqueName, until } from '../support/world';

// The first run builds versitygw and installs Azurite.
jest.setTimeout(600_000);

const CLI = join(__dirname, '..', '..', '..', 'dist', 'cli', 'main.js');

let clouds: Clouds;
let processes: BridgeProcesses;
beforeAll(async () => {
  clouds = await startClouds();
});
afterAll(() => clouds.close());
afterEach(() => processes.close());

async function reconcile(cloud: string): Promise<ReconcileReport> {
  const args = [CLI, 'reconcile', '--stream', cloud, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: processes.env });
  return JSON.parse(stdout) as ReconcileReport;
}

test.each([
  { lane: 'record', kill: false },
  { lane: 'chunk', kill: true },
])('both streams in the $lane lane deliver each message once, kill: $kill', async (given) => {
  const { lane, kill } = given;
  processes = await BridgeProcesses.create(
    2,
    {
      ...clouds.env,
      CLOUDSYNC_LANE: lane,
      CLOUDSYNC_S3_PREFIX: `${uniqueName('test')}/in a bucket`,
      CLOUDSYNC_AZURE_PREFIX: `${uniqueName('test')}/in a container`,
      ...(lane === 'chunk' && {
        CLOUDSYNC_CHUNK_OBJECTS: 'true',
        CLOUDSYNC_CHUNK_MAX_RECORDS: '10',
      }),
    },
    ['aws', 'azure'],
  );
  const { streams, world } = processes;
  const ids = Array.from({ length: lane === 'chunk' ? 600 : 100 }, (_, i) => `m/${i}`);
  const first = await processes.start();
  await world.send(
    streams[0]!.topic,
    ids.map((id) => ({ key: id, value: messageValue(id) })),
  );
  if (kill) {
    const { sink } = streams[0]!;
    const nothing = async () => (await sink.stored!()[Symbol.asyncIterator]().next()).done;
    await until('under way', async () => !(await nothing()));
    await first.end('SIGKILL');
    await processes.start();
  }
  for (const stream of streams) {
    await until('all committed', async () => (await world.lag(stream)) === 0, 120_000);
  }
  await until('all workflows ended', async () => (await processes.openWorkflows()) === 0);
  for (const { name, sink } of streams) {
    expect(await reconcile(name)).toEqual({
      stream: name,
      messages: ids.length,
      ...{ delivered: ids.length, deadLettered: 0, missing: 0, double: 0 },
      ...{ filtered: 0, missingIds: [], doubleIds: [] },
    });
    const values = new Set<string>();
    for await (const value of sink.stored!()) values.add(String(value));
    expect(values).toEqual(new Set(ids.map((id) => String(messageValue(id)))));
    await sink.close?.();
  }
  // No files are written beside the clouds.
  expect((await processes.files()).size).toBe(0);
});
