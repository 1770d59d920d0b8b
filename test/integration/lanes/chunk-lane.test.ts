import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chunkWorkflowIds, type ChunkMemo } from '../../../src/domain/workflow/chunk';
import { deadLetterHeader } from '../../../src/domain/workflow/dead-letter';
import { DeliveryError } from '../../../src/domain/errors';
import { listFailed } from '../../../src/operations/failed/failed-list';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { reconcile } from '../../../src/operations/reconcile/reconcile';
import { fileSystemSink } from '../../../src/sinks/filesystem/filesystem';
import type { MemorySink } from '../support/memory-sink';
import { BridgeProcesses } from '../support/bridge-processes';
import { message, counterValue, messageValue, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const execution = { lane: 'chunk', maxRecords: 50, lingerMs: 5 } as const;

/** Sends forty records, m-0 and so on, to a sink that is down. Resolves when the sink was tried twice. */
async function tryWhileDown(stream: AnyStream, sink: MemorySink) {
  sink.before = () => {
    throw new DeliveryError('Transient', 'down');
  };
  await world.send(
    stream.topic,
    range(40).map((i) => message(`m-${i}`)),
  );
  const bridge = await world.bridge(stream);
  await until('tried', () => sink.attempts.length > 80);
  return bridge;
}

async function chunkRuns(stream: { taskQueue: string }) {
  const { client } = await world.temporal();
  const runs = [];
  const query = `TaskQueue = "${stream.taskQueue}" AND WorkflowType = "deliverChunk"`;
  for await (const run of client.workflow.list({ query })) runs.push(run);
  return runs;
}

test('each record reaches the sink once, in a chunk, and its offset is committed', async () => {
  const { stream, sink } = await world.stream({ partitions: 2, execution });
  const bridge = await world.bridge(stream);
  await world.send(
    stream.topic,
    range(500).map((i) => message(`m-${i}`)),
  );
  await until('all delivered', () => sink.objects.size === 500);
  expect(sink.attempts).toHaveLength(500);
  await until('committed', async () => (await world.lag(stream)) === 0);
  await until(
    'counted',
    async () => (await counterValue(bridge.metrics.records, { outcome: 'delivered' })) === 500,
  );
  let runs: Awaited<ReturnType<typeof chunkRuns>> = [];
  await until('all chunks have completed', async () => {
    runs = await chunkRuns(stream);
    const count = runs.reduce((sum, { memo }) => sum + Number(memo?.count), 0);
    return count === 500 && runs.every(({ status }) => status.name === 'COMPLETED');
  });
  // The chunks of each partition are adjacent.
  const chunks = runs
    .map(({ workflowId, memo }) => ({ ...(memo as unknown as ChunkMemo), workflowId }))
    .sort((a, b) => a.first - b.first);
  for (const partition of [0, 1]) {
    let next = 0;
    for (const { workflowId, first, last, count } of chunks.filter(
      (one) => one.partition === partition,
    )) {
      expect(first).toBe(next);
      expect(workflowId).toBe(`${stream.name}-chunk-${stream.topic}-${partition}-${next}`);
      expect(count).toBeLessThanOrEqual(50);
      next = last + 1;
    }
  }
});

test('a record that can not be delivered leaves its chunk and delays no other record', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  let failures = 3;
  sink.before = ({ messageId }) => {
    if (messageId === 'm-7') throw new DeliveryError('Permanent', 'never');
    if (messageId === 'm-9' && failures-- > 0) throw new DeliveryError('Transient', 'not yet');
  };
  await world.send(stream.topic, [
    ...range(20).map((i) => message(`m-${i}`)),
    { key: 'bad', value: '{nope' },
    message('last'),
  ]);
  await world.bridge(stream);
  await until('delivered', () => sink.objects.size === 20);
  await until(
    'dead letters',
    async () => (await world.records(stream.deadLetterTopic)).length === 2,
  );
  const letters = await world.records(stream.deadLetterTopic);
  expect(letters.map((one) => deadLetterHeader(one, 'workflow-id')).sort()).toEqual([
    `${stream.name}-invalid-${stream.topic}-0-20`,
    `${stream.name}-m-7-7`,
  ]);
  expect(await world.workflowStatus(`${stream.name}-m-9-9`)).toBe('COMPLETED');
});

test('a chunk backs off while the sink is down, and starts no further workflows', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  await tryWhileDown(stream, sink);
  sink.before = () => undefined;
  await until('delivered', () => sink.objects.size === 40);
  const { client } = await world.temporal();
  const { count } = await client.workflow.count(
    `TaskQueue = "${stream.taskQueue}" AND WorkflowType != "deliverChunk"`,
  );
  expect(count).toBe(0);
});

test('duplicates in one chunk, in two chunks and on two partitions are delivered once', async () => {
  const { stream, sink } = await world.stream({ partitions: 2, execution });
  const bridge = await world.bridge(stream);
  await world.send(
    stream.topic,
    range(60).map((i) => ({ ...message(`m-${i % 10}`), partition: i % 2 })),
  );
  await until('delivered', () => sink.objects.size === 10);
  await until(
    'skipped',
    async () => (await counterValue(bridge.metrics.duplicates, { layer: 'recent' })) === 50,
  );
  expect(sink.attempts).toHaveLength(10);
});

test("a worker that does not have a chunk's records in memory reads them from Kafka", async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  const bridge = await tryWhileDown(stream, sink);
  await bridge.stop();
  const attempts = sink.attempts.length;
  sink.before = () => undefined;
  await world.worker(stream);
  await until('delivered', () => sink.objects.size === 40);
  expect(sink.attempts.length).toBe(attempts + 40);
  expect(await world.lag(stream)).toBe(0);
});

test('a chunk fails visibly if retention has removed some of its records, and the others are delivered', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  const bridge = await tryWhileDown(stream, sink);
  await bridge.stop();
  await world.deleteRecords(stream.topic, 0, 15);
  sink.before = () => undefined;
  await world.worker(stream);
  const id = `${stream.name}-chunk-${stream.topic}-0-0`;
  const runs = await chunkRuns(stream);
  const first = runs.find(({ workflowId }) => workflowId === id)!;
  const { last, count } = first.memo as unknown as ChunkMemo;
  await until('failed', async () => (await world.workflowStatus(id)) === 'FAILED');
  await until('delivered', () => sink.objects.size === 25);
  const { client } = await world.temporal();
  const [entry] = await listFailed(client, [stream]);
  expect(entry).toMatchObject({ workflowId: id, errorType: 'RecordsExpired', messageId: null });
  expect(entry!.errorMessage).toContain(`${Math.min(15, last + 1)} of ${count} records`);
});

test('reconcile finds each message once if each chunk is one object', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-chunks-'));
  try {
    const sink = fileSystemSink({ directory, chunkFiles: true });
    const { stream } = await world.stream({ partitions: 1, execution, sink });
    await world.send(stream.topic, [
      ...range(120).map((i) => message(`m-${i % 100}`)),
      { key: 'bad', value: '{nope' },
      { key: 'lines', value: messageValue('lines').toString().replaceAll(',', ',\n\r ') },
    ]);
    await world.bridge(stream);
    await until('committed', async () => (await world.lag(stream)) === 0);
    const { client } = await world.temporal();
    await until('settled', async () => {
      const query = `TaskQueue = "${stream.taskQueue}" AND ExecutionStatus = "Running"`;
      return (await client.workflow.count(query)).count === 0;
    });
    expect(await reconcile(world.kafka(), client, stream)).toMatchObject({
      messages: 102,
      delivered: 101,
      deadLettered: 1,
      missing: 0,
      double: 0,
    });
    const files = await readdir(join(directory, 'chunks', stream.topic, '0'));
    expect(files.every((name) => /^\d+-\d+\.ndjson$/.test(name))).toBe(true);
    expect(files.length).toBeLessThan(20);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('no record is lost or doubled when a bridge worker is killed in the middle of its chunks', async () => {
  const processes = await BridgeProcesses.create(4, { CLOUDSYNC_LANE: 'chunk' });
  try {
    const { stream } = processes;
    let bridge = await processes.start();
    for (let round = 0; round < 2; round++) {
      await processes.world.send(
        stream.topic,
        range(2_000).map((i) => message(`r${round}-${i}`)),
      );
      await until('some', async () => (await processes.files()).size > round * 2_000 + 300);
      await bridge.end('SIGKILL');
      bridge = await processes.start();
    }
    await until('all delivered', async () => (await processes.files()).size === 4_000, 90_000);
    await until('settled', async () => (await processes.openWorkflows()) === 0, 90_000);
    await until('committed', async () => (await processes.world.lag(stream)) === 0);
    const { client } = await processes.world.temporal();
    expect(await reconcile(processes.world.kafka(), client, stream)).toMatchObject({
      messages: 4_000,
      delivered: 4_000,
      missing: 0,
      double: 0,
    });
    expect(await bridge.end('SIGTERM')).toBe(0);
  } finally {
    await processes.close();
  }
});

test.each(['none', 'key'] as const)(
  'the records of a chunk that Temporal refuses permanently get workflows of their own (ordering %s)',
  async (ordering) => {
    const { stream, sink } = await world.stream({ partitions: 2, execution, ordering });
    const timestamp = Date.now();
    const first = { stream: stream.name, topic: stream.topic, partition: 0, first: 0, timestamp };
    const { client } = await world.temporal();
    const others = [];
    // Other workflows have every id that the first chunk of partition 0 may get.
    for (const workflowId of chunkWorkflowIds(first)) {
      others.push(await client.workflow.start('other', { taskQueue: 'none', workflowId }));
    }
    const at = (partition: number, id: string) => ({
      ...message(id),
      partition,
      timestamp: String(timestamp),
    });
    const poison = { ...at(0, 'poison'), value: Buffer.from('{nope') };
    const key = 'the same';
    const both = [at(0, 'before'), at(0, 'after')].map((one) => ({ ...one, key }));
    await world.send(stream.topic, [at(0, 'm0'), ...both, poison, at(1, 'm1')]);
    const bridge = await world.bridge(stream);
    await until('delivered', () => sink.objects.size === 4);
    await world.send(stream.topic, [at(0, 'next'), at(1, 'next too')]);
    await until('the next ones', () => sink.objects.size === 6);
    await until('committed', async () => (await world.lag(stream)) === 0);
    const letters = async () => (await world.records(stream.deadLetterTopic)).length;
    await until('dead-lettered', async () => (await letters()) === 1);
    const ids = sink.attempts.map(({ messageId }) => messageId);
    // With an order, a record may be tried once more if it ends while its end is requested.
    expect([...new Set(ids)].sort()).toEqual(['after', 'before', 'm0', 'm1', 'next', 'next too']);
    if (ordering === 'key') expect(ids.indexOf('before')).toBeLessThan(ids.indexOf('after'));
    // The chain continues with chunks after the refused one.
    const chunks = (await chunkRuns(stream)).map(({ memo }) => memo as unknown as ChunkMemo);
    expect(chunks.filter(({ partition }) => partition === 0).length).toBeGreaterThan(0);
    expect(bridge.faults()).toEqual({});
    await Promise.all(others.map((other) => other.terminate()));
  },
);
