import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafka, withAdmin } from '../../../src/kafka/kafka';
import { describeStatus } from '../../../src/cli/output/status-output';
import { describeTrace } from '../../../src/cli/output/trace-output';
import { DeliveryError } from '../../../src/domain/errors';
import type { AnyStream, ExecutionOptions } from '../../../src/domain/stream/stream';
import { createLogger } from '../../../src/telemetry/logger';
import { listFailed } from '../../../src/operations/failed/failed-list';
import { streamStatus } from '../../../src/operations/status/status';
import { trace } from '../../../src/operations/trace/trace';
import { ApiKey, KafkaProxy } from '../support/kafka-proxy';
import { counterValue, message, until, World } from '../support/world';

jest.setTimeout(180_000);

const root = join(__dirname, '..', '..', '..');
let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

const client = async () => (await world.temporal()).client;
const statusOf = async (stream: AnyStream) => streamStatus(world.kafka(), await client(), stream);

describe('a workflow whose code was changed while it runs', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'cloudsync-status-'))));
  afterEach(() => rm(directory, { recursive: true }));

  async function workflowFile(name: string, firstSteps: string): Promise<string> {
    const path = join(directory, name);
    const code = `import { proxyActivities, sleep } from '@temporalio/workflow';
      const { deliver } = proxyActivities({ startToCloseTimeout: 1_000 });
      export async function slowly(record) { ${firstSteps} await deliver(record, 0); }`;
    await writeFile(path, code);
    return path;
  }

  test('is named as stuck by status, trace, failed list, notices and a metric', async () => {
    const type = 'slowly';
    const workflow = { type, workflowsPath: await workflowFile('a.ts', 'await sleep(600_000);') };
    const { stream } = await world.stream({ partitions: 1, workflow });
    await world.send(stream.topic, [message('a'), message('b')]);
    const before = await world.bridge(stream);
    await until('both are open', async () => (await statusOf(stream)).running === 2);
    await before.stop();

    const workflowsPath = await workflowFile('b.ts', 'await deliver(record, 0);');
    const after = await world.bridge({ ...stream, workflow: { type, workflowsPath } });
    const ids = [`${stream.name}-a-0`, `${stream.name}-b-1`];
    // Any event causes a workflow task.
    for (const id of ids) await (await client()).workflow.getHandle(id).signal('wake');
    await until('stuck', async () => (await statusOf(stream)).slow.stuck?.count === 2);
    const status = await statusOf(stream);
    expect(status.slow).toMatchObject({
      ...{ count: 2, lookedAt: 2, retrying: null },
      stuck: { errorMessage: expect.stringMatching(/Nondeterminism/i) as string },
    });
    expect([...status.slow.stuck!.workflowIds].sort()).toEqual(ids);
    expect(describeStatus([status])).toMatch(
      new RegExp(`^STUCK .*\n${stream.name} +2 of 2 .*Nondeterminism`, 'm'),
    );

    const options = { scan: false };
    const traced = await trace(
      world.kafka(),
      await client(),
      [stream],
      { messageId: 'a' },
      options,
    );
    expect(traced.streams[0]).toMatchObject({
      verdict: 'stuck',
      runs: [
        {
          ...{ stuck: true, errorType: 'WorkflowTaskFailed' },
          errorMessage: expect.stringMatching(/Nondeterminism/i) as string,
        },
      ],
    });
    expect(traced.streams[0]!.runs[0]!.attempts).toBeGreaterThanOrEqual(3);
    expect(describeTrace(traced)).toMatch(
      /: stuck: its workflow task fails again and again\n.*-a-0, attempt \d+ at the task: .*Nondeterminism/i,
    );

    await until('the process says so', () => `stuck ${stream.name}` in (after.notices?.() ?? {}));
    expect(after.notices!()[`stuck ${stream.name}`]).toMatch(/ and 1 more: .*Nondeterminism/i);
    expect(after.faults()).toEqual({});
    const gauge = after.metrics.stuckWorkflows;
    expect(await counterValue(gauge, { stream: stream.name })).toBe(2);

    const module = join(directory, 'streams.ts');
    await writeFile(
      module,
      `import { defineStream, messageSchema } from ${JSON.stringify(join(root, 'src', 'index'))};
      export default defineStream({
        name: '${stream.name}', topic: '${stream.topic}', schema: messageSchema,
        sink: () => Promise.resolve(), workflow: ${JSON.stringify({ type, workflowsPath })},
      });`,
    );
    const { code, stderr } = await failedList(module);
    expect(stderr).toMatch(
      new RegExp(`not failed, but stuck: ${stream.name}-.-. and 1 more: .*Nondeterminism`, 'i'),
    );
    expect(code).toBe(0);
  });

  function failedList(module: string): Promise<{ code: number; stderr: string }> {
    const main = join(root, 'src', 'cli', 'main.ts');
    const command = ['--import', 'tsx', main, 'failed', 'list', '--streams', module];
    return new Promise((resolve) => {
      execFile(process.execPath, command, { env: process.env }, (error, _, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stderr }),
      );
    });
  }
});

test('status names the error of a sink that is down, and the age of records that wait for it', async () => {
  const retry = { fastAttempts: 1, maximumAttempts: 10, initialIntervalMs: 600_000 };
  const { stream, sink } = await world.stream({ partitions: 1, maxOpen: 2, retry });
  sink.before = () => {
    throw new DeliveryError('Transient', 'the database is down');
  };
  const ids = ['a', 'b', 'c', 'd'];
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  const bridge = await world.bridge(stream);
  await until('retried', async () => (await statusOf(stream)).slow.retrying?.count === 2);
  const status = await statusOf(stream);
  expect(status).toMatchObject({
    ...{ lag: 2, running: 2, slow: { count: 2, lookedAt: 2, stuck: null } },
  });
  const { retrying } = status.slow;
  expect(retrying).toMatchObject({ errorType: 'Transient', errorMessage: 'the database is down' });
  const openSince = Date.now() - Date.parse(retrying!.since);
  expect(openSince).toBeGreaterThan(5_000);
  expect(describeStatus([status])).toMatch(
    new RegExp(`^RETRYING .*\n${stream.name} +2 of 2 .*Transient: the database is down$`, 'm'),
  );
  const { lagSeconds, oldestOpenSeconds } = bridge.metrics;
  const name = { stream: stream.name };
  await until('the process says so', () => `retrying ${stream.name}` in bridge.notices!());
  expect(bridge.notices!()[`retrying ${stream.name}`]).toMatch(/Transient: the database is down$/);
  expect(await counterValue(oldestOpenSeconds, name)).toBeGreaterThan(5);
  // Two records are fetched and wait, as the number of open records is limited.
  await until('lag has an age', async () => (await counterValue(lagSeconds, name)) > 5);
});

test('status shows the partitions of each group member, or that nobody consumes', async () => {
  const { stream } = await world.stream({ partitions: 2 });
  expect((await statusOf(stream)).consumers).toEqual({ settled: true, members: [] });
  expect(describeStatus([await statusOf(stream)])).toMatch(
    new RegExp(
      `^${stream.name} +nobody consumes it: start a bridge worker; if one runs, its log and /readyz say what it waits for$`,
      'm',
    ),
  );
  const first = await world.bridge(stream);
  const second = await world.bridge(stream);
  await until('both have one', async () => {
    const { settled, members } = (await statusOf(stream)).consumers;
    const partitions = members.map((one) => one.partitions.join());
    return settled && partitions.sort().join(' ') === '0 1';
  });
  const status = await statusOf(stream);
  for (const { clientId, host } of status.consumers.members) {
    expect([clientId, host]).toEqual([world.settings.kafka.clientId, '127.0.0.1']);
  }
  expect(describeStatus([status])).toMatch(/^STREAM +CONSUMER +HOST +PARTITIONS$/m);
  await first.stop();
  await second.stop();
});

test.each<{ execution: ExecutionOptions }>([
  { execution: { lane: 'record' } },
  { execution: { lane: 'chunk' } },
])(
  'the duplicate rate is 1 after a rewind over invalid records in the $execution.lane lane',
  async ({ execution }) => {
    const { stream } = await world.stream({ partitions: 1, execution });
    const { topic, groupId } = stream;
    const invalid = { key: 'x', value: '{nope' };
    await world.send(topic, [message('a'), invalid, invalid, invalid]);
    const deliver = async () => {
      const bridge = await world.bridge(stream);
      await until('all are committed', async () => (await world.lag(stream)) === 0);
      await bridge.stop();
    };
    await deliver();
    expect(await statusOf(stream)).toMatchObject({ duplicateRate: 0 });
    // Setting the offsets also resets the counters to zero.
    await withAdmin(world.kafka(), (admin) =>
      admin.resetOffsets({ groupId, topic, earliest: true }),
    );
    await deliver();
    expect(await statusOf(stream)).toMatchObject({
      ...{ checked: 4, duplicates: { workflowId: 4 }, duplicateRate: 1 },
    });
  },
);

test('status counts foreign workflows of the task queue neither as records nor as failed', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  const { client: temporal } = await world.temporal();
  const { taskQueue } = stream;
  const options = { taskQueue, args: [] };
  const ids = [`${stream.name}-one`, `${stream.name}-two`];
  for (const workflowId of ids)
    await temporal.workflow.start('account', { ...options, workflowId });
  await temporal.workflow.getHandle(ids[0]!).terminate();
  const query = `TaskQueue = "${taskQueue}" AND ExecutionStatus = "Terminated"`;
  await until('listed', async () => (await temporal.workflow.count(query)).count === 1);
  expect(await statusOf(stream)).toMatchObject({ running: 0, completed: 0, failed: 0 });
  expect(await listFailed(temporal, [stream])).toEqual([]);
});

test('status describes no failed workflow and reads no dead letter, even if there are many', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, brake: false });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  const ids = Array.from({ length: 20 }, (_, i) => `m${i}`);
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  const bridge = await world.bridge(stream);
  await until('all failed', async () => (await statusOf(stream)).failed === ids.length);
  await bridge.stop();

  const temporal = await client();
  const described = jest.spyOn(temporal.workflow, 'getHandle');
  const proxy = await KafkaProxy.start(world.settings.kafka.brokers[0]!);
  try {
    // The proxy holds fetches, so reading a topic would never end.
    proxy.hold(ApiKey.fetch);
    const kafka = createKafka(proxy.through(world.settings.kafka), createLogger('silent'));
    const status = await streamStatus(kafka, temporal, stream);
    expect(status).toMatchObject({ failed: 20, deadLetters: 20 });
    // Only the workflows of brake and pause may be described.
    expect(described.mock.calls.length).toBeLessThanOrEqual(2);
    expect(proxy.held).toBe(0);
  } finally {
    described.mockRestore();
    await proxy.close();
  }
});
