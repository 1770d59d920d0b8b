import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import { createTopic } from '../../../src/kafka/topics';
import {
  down,
  freePort,
  startTemporal,
  status,
  up,
  userCacheDirectory,
  type LocalAddresses,
  type LocalPorts,
} from '../../../src/dev-servers';
import { isFree } from '../../../src/dev-servers/common/ports';
import { waitUntil } from '../../../src/dev-servers/process/wait';

jest.setTimeout(15 * 60_000); // a first run builds the Temporal CLI

const progress = () => undefined;
const cacheDirectory = userCacheDirectory(process.env);
const download = process.env.CLOUDSYNC_DEV_DOWNLOAD !== 'false';
const script = join(__dirname, '..', '..', 'dev-servers', 'support', 'up.ts');
const topic = 'kept';

let root: string;
let directory: string;
let ports: LocalPorts;
let addresses: LocalAddresses;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cloudsync-servers-'));
  directory = join(root, 'dev');
  ports = await freePorts();
  const options = { directory, cacheDirectory, given: {}, ports, download, kafkaHeap: '512m' };
  const args = ['--import', 'tsx', script, JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  addresses = JSON.parse(stdout) as LocalAddresses;
});

afterAll(async () => {
  await down({ directory, progress });
  rmSync(root, { recursive: true });
});

async function freePorts(): Promise<LocalPorts> {
  const names = ['kafka', 'temporal', 'temporalUi', 's3', 'blob'] as const;
  const ports = await Promise.all(names.map(() => freePort()));
  return Object.fromEntries(names.map((name, i) => [name, ports[i]])) as unknown as LocalPorts;
}

function upAgain(options: { directory: string; namespace?: string }): Promise<LocalAddresses> {
  const { namespace } = options;
  return up({ ...{ cacheDirectory, ports, download, progress, given: { namespace } }, ...options });
}

async function pids(): Promise<(number | null)[]> {
  return (await status({ directory, ports })).map(({ pid }) => pid);
}

async function kill(processes: (number | null)[]): Promise<void> {
  for (const pid of processes) if (pid !== null) process.kill(pid, 'SIGKILL');
  const gone = async () => (await pids()).every((pid) => pid === null);
  await waitUntil(gone, { everyMs: 20, deadlineMs: 10_000 });
}

async function withKafka<T>(
  work: (kafka: ReturnType<typeof createKafka>) => Promise<T>,
): Promise<T> {
  const { brokers } = addresses.kafka;
  return work(createKafka({ brokers, clientId: 'test', ssl: false }, pino({ level: 'silent' })));
}

async function withTemporal<T>(work: (client: Client) => Promise<T>, namespace = 'default') {
  const connection = await Connection.connect({ address: addresses.temporal.address });
  try {
    return await work(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

const startWorkflow = (workflowId: string) => (client: Client) =>
  client.workflow.start('none', { taskQueue: 'none', workflowId });

async function keepData(): Promise<void> {
  await withKafka(async (kafka) => {
    const admin = kafka.admin();
    await admin.connect();
    await createTopic(admin, { topic, numPartitions: 1 });
    await admin.disconnect();
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'one' }, { value: 'two' }] });
    await producer.disconnect();
  });
  await withTemporal(startWorkflow('kept'));
}

async function keptOffset(): Promise<string | undefined> {
  return withKafka(async (kafka) => {
    const admin = kafka.admin();
    await admin.connect();
    const [offsets] = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    return offsets?.high;
  });
}

test('the servers answer on the given ports, and outlive the process that started them', async () => {
  expect(addresses).toEqual({
    kafka: { brokers: [`127.0.0.1:${ports.kafka}`] },
    temporal: {
      address: `127.0.0.1:${ports.temporal}`,
      namespace: 'default',
      ui: `http://127.0.0.1:${ports.temporalUi}`,
    },
  });
  const logs = join(directory, 'logs');
  expect(await status({ directory })).toEqual([
    {
      name: 'kafka',
      running: true,
      pid: expect.any(Number) as number,
      address: addresses.kafka.brokers[0],
      ui: null,
      startedByUs: true,
      log: join(logs, 'kafka.log'),
    },
    {
      name: 'temporal',
      running: true,
      pid: expect.any(Number) as number,
      address: addresses.temporal.address,
      ui: addresses.temporal.ui,
      startedByUs: true,
      log: join(logs, 'temporal.log'),
    },
  ]);
});

test('a second up returns the same addresses and starts nothing', async () => {
  const before = await pids();
  expect(await upAgain({ directory })).toEqual(addresses);
  expect(await pids()).toEqual(before);
});

test('up of another directory uses the servers on the ports, and its down does not stop them', async () => {
  const other = join(root, 'other');
  expect(await upAgain({ directory: other })).toEqual(addresses);
  expect(await down({ directory: other, progress })).toEqual({ stopped: [] });
  for (const server of await status({ directory: other, ports })) {
    expect(server).toMatchObject({ running: true, pid: null, startedByUs: false, log: null });
  }
});

test('up creates the given namespace', async () => {
  const { temporal } = await upAgain({ directory, namespace: 'mine' });
  expect(temporal.namespace).toBe('mine');
  await withTemporal(startWorkflow('in-mine'), 'mine');
});

test('Temporal accepts a workflow id of 255 bytes, and refuses a longer one', async () => {
  await withTemporal(startWorkflow('x'.repeat(255)));
  await expect(withTemporal(startWorkflow('x'.repeat(256)))).rejects.toMatchObject({
    cause: { details: 'WorkflowId length exceeds limit.' },
  });
});

test('up after SIGKILL starts the servers on the same ports with the same data', async () => {
  await keepData();
  const before = await pids();
  await kill(before);
  const [kafka, temporal] = await status({ directory });
  expect(kafka).toMatchObject({ running: false, pid: null, address: null });
  expect(temporal).toMatchObject({ running: false, pid: null, address: null });
  expect(await upAgain({ directory })).toEqual(addresses);
  const after = await pids();
  expect(after.every((pid, index) => pid !== null && pid !== before[index])).toBe(true);
  expect(await keptOffset()).toBe('2');
  const { status: found } = await withTemporal((client) =>
    client.workflow.getHandle('kept').describe(),
  );
  expect(found.name).toBe('RUNNING');
});

test('up right after a kill starts the server again', async () => {
  const [kafka, temporal] = await pids();
  process.kill(temporal ?? 0, 'SIGKILL');
  expect(await upAgain({ directory })).toEqual(addresses);
  const after = await pids();
  expect(after[0]).toBe(kafka);
  expect(after[1]).not.toBe(temporal);
});

test('up chooses other ports if something else listens on them', async () => {
  const messages: string[] = [];
  const crowded = { directory: join(root, 'crowded'), cacheDirectory, download };
  const options = {
    ...crowded,
    given: { brokers: ['127.0.0.1:1'] },
    // Kafka listens on this port, not Temporal.
    ports: { temporal: ports.kafka, temporalUi: await freePort() },
    progress: (message: string) => messages.push(message),
  };
  try {
    const { kafka, temporal } = await up(options);
    expect(kafka.brokers).toEqual(['127.0.0.1:1']);
    expect(temporal.address).not.toBe(`127.0.0.1:${ports.kafka}`);
    expect(messages[0]).toMatch(`port ${ports.kafka} is taken by something else`);
  } finally {
    expect(await down({ directory: crowded.directory, progress })).toEqual({
      stopped: ['temporal'],
    });
  }
});

test('a single server can be killed and started again in its place', async () => {
  const options = {
    directory: join(root, 'single'),
    cacheDirectory,
    port: await freePort(),
    uiPort: await freePort(),
    download,
    progress,
  };
  const first = await startTemporal(options);
  await first.kill();
  expect(await isFree(options.port)).toBe(true);
  const second = await startTemporal(options);
  expect(second.address).toBe(first.address);
  expect(second.pid).not.toBe(first.pid);
  await second.stop();
  expect(await isFree(options.port)).toBe(true);
});

test('down stops both servers once, and frees their ports', async () => {
  const stopped = (await down({ directory, progress })).stopped;
  expect(stopped).toEqual(['kafka', 'temporal']);
  expect(await Promise.all([isFree(ports.kafka), isFree(ports.temporal)])).toEqual([true, true]);
  expect(await down({ directory, progress })).toEqual({ stopped: [] });
});

test('up returns given addresses unchanged', async () => {
  const given = { brokers: ['kafka:9092'], temporalAddress: 'temporal:7233', namespace: 'n' };
  expect(await up({ directory, cacheDirectory, given, progress })).toEqual({
    kafka: { brokers: ['kafka:9092'] },
    temporal: { address: 'temporal:7233', namespace: 'n' },
  });
});
