import { execFile } from 'node:child_process';
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStatus } from '../../../src/cli/output/status-output';
import { withAdmin } from '../../../src/kafka/kafka';
import { messageSchema } from '../../../src/domain/record/message';
import { DeliveryError } from '../../../src/domain/errors';
import {
  defineStream,
  type AnyStream,
  type ExecutionOptions,
} from '../../../src/domain/stream/stream';
import { listDeadLetters } from '../../../src/operations/dead-letters/dead-letters-list';
import {
  showDeadLetterAt,
  showDeadLetterOf,
} from '../../../src/operations/dead-letters/dead-letters-show';
import type { FailedEntry } from '../../../src/operations/runs/failed-entry';
import { listFailed } from '../../../src/operations/failed/failed-list';
import { replayFailed } from '../../../src/operations/failed/failed-replay';
import { showFailed } from '../../../src/operations/failed/failed-show';
import { reconcile } from '../../../src/operations/reconcile/reconcile';
import { streamStatus } from '../../../src/operations/status/status';
import { fileSystemSink } from '../../../src/sinks/filesystem/filesystem';
import { message, messageValue, uniqueName, until, World } from '../support/world';

jest.setTimeout(120_000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const client = async () => (await world.temporal()).client;

/** Waits until so many runs are listed, because the server's lists are eventually consistent. */
async function failedOnce(stream: AnyStream, count: number): Promise<FailedEntry[]> {
  let entries: FailedEntry[] = [];
  await until(`${count} listed as failed`, async () => {
    entries = await listFailed(await client(), [stream]);
    return entries.length === count;
  });
  return entries;
}

async function replay(stream: AnyStream, workflowId: string) {
  return replayFailed(await client(), [stream], workflowId);
}

async function completed(workflowId: string): Promise<void> {
  await until('completed', async () => (await world.workflowStatus(workflowId)) === 'COMPLETED');
}

/** The options of a second stream that replaces this one. */
function optionsOf({ name, topic, groupId, deadLetterTopic, retry }: AnyStream) {
  return { name, topic, groupId, deadLetterTopic, retry };
}

/** An id that tries to leave a query, a terminal and a file name. */
const HOSTILE = `../it's "q\\u" OR ""=""\u001b[2J`;

test('a failed run is listed, shown, replayed once, and refused afterwards', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  let broken = true;
  sink.before = ({ messageId }) => {
    if (broken && messageId.startsWith('bad')) throw new DeliveryError('Permanent', 'rejected');
  };
  const bad = 'bad "\\" OR "1"="1';
  const header = { trace: Buffer.from([0xff, 0x00]), plain: 'text' };
  await world.send(stream.topic, [message('a'), { ...message(bad), headers: header }]);
  const bridge = await world.bridge(stream);
  const [entry] = await failedOnce(stream, 1);
  const workflowId = `${stream.name}-${bad}-1`;
  expect(entry).toEqual({
    stream: stream.name,
    messageId: bad,
    key: bad,
    rawId: null,
    topic: stream.topic,
    partition: 0,
    offset: 1,
    workflowId,
    runId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    errorType: 'Permanent',
    errorMessage: 'rejected',
    attempts: 1,
    failedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
  });

  const details = await showFailed(await client(), [stream], workflowId);
  expect(details).toMatchObject({
    ...entry,
    status: 'Failed',
    workflowType: 'deliverRecord',
    taskQueue: stream.taskQueue,
    runs: [{ runId: entry!.runId, status: 'Failed' }],
    pendingActivities: [],
    record: {
      key: bad,
      value: messageValue(bad).toString(),
      headers: [
        ['trace', { base64: '/wA=' }],
        ['plain', 'text'],
      ],
    },
  });

  broken = false;
  expect(await replay(stream, workflowId)).toMatchObject({ outcome: 'replayed' });
  await completed(workflowId);
  expect(sink.objects.get(bad)).toEqual(messageValue(bad));
  expect(await replay(stream, workflowId)).toEqual({
    workflowId,
    outcome: 'refused',
    detail: 'its latest run is Completed',
  });
  // Temporal keeps the failed run in its lists. The list of failed runs must not show it again.
  await failedOnce(stream, 0);
  await until('both runs listed', async () => {
    const runs = (await showFailed(await client(), [stream], workflowId))?.runs;
    return runs?.map(({ status }) => status).join() === 'Completed,Failed';
  });
  await bridge.stop();
});

test('two replays at once run a failed record once', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  let broken = true;
  sink.before = () => {
    if (broken) throw new DeliveryError('Permanent', 'rejected');
  };
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  await failedOnce(stream, 1);
  broken = false;
  const results = await Promise.all(
    Array.from({ length: 5 }, () => replay(stream, `${stream.name}-a-0`)),
  );
  const outcomes = results.map(({ outcome }) => outcome).sort();
  expect(outcomes).toEqual(['refused', 'refused', 'refused', 'refused', 'replayed']);
  await completed(`${stream.name}-a-0`);
  expect(sink.attempts).toHaveLength(2);
});

test('a replay that fails again is listed once, with its new run, and leaves a second letter', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  const [first] = await failedOnce(stream, 1);
  const workflowId = `${stream.name}-a-0`;
  expect(await replay(stream, workflowId)).toMatchObject({ outcome: 'replayed' });
  let second: FailedEntry | undefined;
  await until('failed again', async () => {
    [second] = await listFailed(await client(), [stream]);
    return second !== undefined && second.runId !== first!.runId;
  });
  expect(second).toMatchObject({ workflowId, errorType: 'Permanent' });
  const letters = await listDeadLetters(world.kafka(), [stream]);
  expect(letters.map(({ runId }) => runId)).toEqual([second!.runId, first!.runId]);
});

test('a replay refuses a record that is still invalid, with the reason', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  await world.send(stream.topic, [
    { key: null, value: '{nope' },
    { key: null, value: null },
    { key: null, value: '{"id":"a"}' },
  ]);
  await world.bridge(stream);
  const entries = await failedOnce(stream, 3);
  for (const dryRun of [true, false]) {
    for (const { workflowId, errorType } of entries) {
      const options = { dryRun };
      expect(await replayFailed(await client(), [stream], workflowId!, options)).toMatchObject({
        ...{ outcome: 'refused', staysDead: true },
        detail: expect.stringContaining(`still invalid: ${errorType}: `) as string,
      });
    }
  }
  expect(await listDeadLetters(world.kafka(), [stream])).toHaveLength(3);
});

test('terminated and canceled runs are listed, and a replay refuses running ones', async () => {
  const { stream, sink } = await world.stream({
    partitions: 1,
    retry: { fastAttempts: 1, maximumAttempts: 100, initialIntervalMs: 300 },
  });
  sink.before = () => {
    throw new DeliveryError('Transient', 'down');
  };
  await world.send(stream.topic, [message('terminated'), message('canceled'), message('open')]);
  await world.bridge(stream);
  await until('all tried', () => new Set(sink.attempts.map((one) => one.messageId)).size === 3);
  const id = (messageId: string, offset: number) => `${stream.name}-${messageId}-${offset}`;
  const { workflow } = await client();
  await workflow.getHandle(id('terminated', 0)).terminate('by hand');
  await workflow.getHandle(id('canceled', 1)).cancel();
  const entries = await failedOnce(stream, 2);
  expect(entries.find(({ messageId }) => messageId === 'terminated')).toMatchObject({
    errorType: 'Terminated',
    errorMessage: 'by hand',
    attempts: null,
    offset: 0,
  });
  expect(entries.find(({ messageId }) => messageId === 'canceled')).toMatchObject({
    errorType: 'Canceled',
  });

  expect(await replay(stream, id('open', 2))).toMatchObject({
    outcome: 'refused',
    detail: 'its latest run is Running',
  });
  await until('pending', async () => {
    const details = await showFailed(await client(), [stream], id('open', 2));
    return details?.pendingActivities[0]?.lastError === 'down';
  });
  expect(await showFailed(await client(), [stream], id('open', 2))).toMatchObject({
    status: 'Running',
    errorType: null,
    failedAt: null,
    pendingActivities: [{ activity: 'deliver', maximumAttempts: 100 }],
  });

  sink.before = () => undefined;
  for (const one of entries) {
    expect(await replay(stream, one.workflowId!)).toMatchObject({ outcome: 'replayed' });
    await completed(one.workflowId!);
  }
  await completed(id('open', 2));
});

test('a replayed record that has become valid gets a longer id if another record has its id', async () => {
  const { stream, sink } = await world.stream({ partitions: 2 });
  const strict = defineStream({ ...optionsOf(stream), schema: messageSchema.strict(), sink });
  const bridge = await world.bridge(strict);
  const unknown = JSON.stringify({
    ...JSON.parse(messageValue('b').toString()),
    more: 1,
  } as object);
  // The same id and offset twice. The second record is invalid with the strict schema.
  await world.send(stream.topic, [{ ...message('a'), partition: 0 }]);
  await world.send(stream.topic, [
    { key: 'a', value: unknown.replace('"b"', '"a"'), partition: 1 },
    { key: 'b', value: unknown, partition: 1 },
  ]);
  const entries = await failedOnce(stream, 2);
  await until('delivered', () => sink.objects.has('a'));
  expect(await replay(strict, entries[0]!.workflowId!)).toMatchObject({ outcome: 'refused' });
  await bridge.stop();

  await world.worker(stream);
  for (const { workflowId } of entries) {
    expect(await replay(stream, workflowId!)).toMatchObject({ outcome: 'replayed' });
    await completed(workflowId!);
  }
  await until('delivered', () => sink.objects.has('b'));
  const delivered = `${stream.name}-b-1`;
  await until('completed', async () => (await world.workflowStatus(delivered)) === 'COMPLETED');
  // The first record was delivered under this id, so the sink finds the conflict.
  const collided = `${stream.name}-a-0~${stream.topic}-1`;
  await until('judged', async () => (await world.workflowStatus(collided)) === 'FAILED');
});

test('a replay refuses an id that does not exist or belongs to another stream', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const { stream: other } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  await failedOnce(stream, 1);
  expect(await replay(stream, HOSTILE)).toMatchObject({ outcome: 'failed' });
  expect(await replay(other, `${stream.name}-a-0`)).toMatchObject({ outcome: 'failed' });
  expect(await showFailed(await client(), [stream], HOSTILE)).toBeUndefined();
});

test('since and limit select the newest runs', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', 'rejected');
  };
  const ids = Array.from({ length: 30 }, (_, i) => `m${i}`);
  await world.send(
    stream.topic,
    ids.map((one) => message(one)),
  );
  await world.bridge(stream);
  const all = await failedOnce(stream, 30);
  expect(new Set(all.map(({ messageId }) => messageId))).toEqual(new Set(ids));
  const times = all.map(({ failedAt }) => failedAt!);
  expect(times).toEqual([...times].sort().reverse());
  const newest = await listFailed(await client(), [stream], { limit: 4 });
  expect(newest.map(({ failedAt }) => failedAt)).toEqual(times.slice(0, 4));
  const since = new Date(times[9]!);
  const later = await listFailed(await client(), [stream], { since });
  expect(later.every(({ failedAt }) => Date.parse(failedAt!) >= since.getTime())).toBe(true);
  expect(later.length).toBeGreaterThanOrEqual(10);
  expect(await listDeadLetters(world.kafka(), [stream], { limit: 7 })).toHaveLength(7);
});

test('dead letters with hostile content are listed, and shown by workflow and by position', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  sink.before = () => {
    throw new DeliveryError('Permanent', `no "${HOSTILE}"`);
  };
  const binary = Buffer.from([0xfe, 0x00, 0x01]);
  await world.send(stream.topic, [
    { ...message(HOSTILE), headers: { 'cloudsync-topic': 'forged', own: HOSTILE } },
    { key: binary, value: binary },
    { key: 'null', value: null },
  ]);
  await world.bridge(stream);
  await until('three letters', async () => {
    return (await listDeadLetters(world.kafka(), [stream])).length === 3;
  });
  const letters = await listDeadLetters(world.kafka(), [stream]);
  const hostile = letters.find(({ offset }) => offset === 0)!;
  expect(hostile).toMatchObject({
    stream: stream.name,
    messageId: HOSTILE,
    topic: stream.topic,
    partition: 0,
    errorType: 'Permanent',
    errorMessage: `no "${HOSTILE}"`,
    attempts: 1,
    replays: 0,
  });
  const { status, ...entry } = hostile;
  expect(status).toBe('open');
  expect(await showDeadLetterOf(world.kafka(), [stream], hostile.workflowId!)).toMatchObject({
    ...entry,
    record: {
      key: HOSTILE,
      value: messageValue(HOSTILE).toString(),
      headers: [['own', HOSTILE]],
    },
  });
  const invalid = letters.find(({ offset }) => offset === 1)!;
  expect(invalid).toMatchObject({ messageId: null, errorType: 'InvalidJson', attempts: 0 });
  const { status: ofInvalid, ...invalidEntry } = invalid;
  expect(ofInvalid).toBe('open');
  expect(await showDeadLetterAt(world.kafka(), stream, invalid.deadLetter)).toMatchObject({
    ...invalidEntry,
    record: { key: { base64: '/gAB' }, value: { base64: '/gAB' } },
  });
  expect(letters.find(({ offset }) => offset === 2)).toMatchObject({ errorType: 'NullValue' });
  const beyond = { partition: 0, offset: 3 };
  expect(await showDeadLetterAt(world.kafka(), stream, beyond)).toBeUndefined();
  expect(await showDeadLetterOf(world.kafka(), [stream], 'unknown')).toBeUndefined();
});

test('reconcile and status report the end of every message', async () => {
  const { stream, sink } = await world.stream({ partitions: 2 });
  sink.before = ({ messageId }) => {
    if (messageId === 'bad') throw new DeliveryError('Permanent', 'rejected');
  };
  const notices: string[] = [];
  const audit = async () =>
    reconcile(world.kafka(), await client(), stream, { onNotice: (text) => notices.push(text) });
  await world.send(stream.topic, [
    ...['a', 'b', 'c', 'bad'].map((id) => message(id)),
    { key: 'x', value: '{nope' },
    // A conflict: one of the two contents is at the sink, and the other is dead-lettered.
    { ...message('twice', 1), partition: 0 },
    { ...message('twice', 2), partition: 0 },
  ]);
  expect(await audit()).toMatchObject({ messages: 6, delivered: 0, missing: 6 });
  expect(notices).toEqual(['not settled: 7 records not committed, 0 workflows running']);
  expect(await streamStatus(world.kafka(), await client(), stream)).toMatchObject({ lag: 7 });

  const bridge = await world.bridge(stream);
  await failedOnce(stream, 3);
  await world.send(stream.topic, [message('a')]);
  await until('settled', async () => {
    const status = await streamStatus(world.kafka(), await client(), stream);
    const { lag, running, completed: done, duplicates } = status;
    return lag === 0 && running === 0 && done === 4 && duplicates.recent === 1;
  });
  notices.length = 0;
  expect(await audit()).toEqual({
    stream: stream.name,
    messages: 6,
    filtered: 0,
    delivered: 4,
    deadLettered: 2,
    missing: 0,
    double: 0,
    missingIds: [],
    doubleIds: [],
  });
  expect(notices).toEqual([]);
  expect(await streamStatus(world.kafka(), await client(), stream)).toEqual({
    name: stream.name,
    topic: stream.topic,
    groupId: stream.groupId,
    lag: 0,
    paused: null,
    lagByPartition: { 0: 0, 1: 0 },
    consumers: {
      settled: true,
      members: [
        {
          memberId: expect.stringMatching(/^cloudsync-/) as string,
          ...{ clientId: 'cloudsync', host: '127.0.0.1', partitions: [0, 1] },
        },
      ],
    },
    running: 0,
    slow: { count: 0, since: null, lookedAt: 0, retrying: null, stuck: null },
    braked: null,
    held: [],
    stalled: [],
    failed: 3,
    completed: 4,
    deadLetters: 3,
    delivered: 4,
    filtered: 0,
    retries: 0,
    duplicates: { recent: 1, workflowId: 0, sink: 0 },
    checked: 8,
    duplicateRate: 1 / 8,
    recent: { entries: 4, evictions: 0, lockWaits: 0 },
    averageDeliveryMs: expect.any(Number) as number,
  });

  // One message is lost, one is changed, and one is twice at the sink.
  sink.objects.delete('a');
  sink.objects.set('b', messageValue('b', 'changed'));
  sink.objects.set('copy of c', messageValue('c'));
  sink.objects.set('foreign', Buffer.from('no message'));
  expect(await audit()).toMatchObject({
    messages: 6,
    delivered: 2,
    deadLettered: 2,
    missing: 2,
    double: 1,
    missingIds: expect.arrayContaining(['a', 'b']) as string[],
    doubleIds: ['c'],
  });
  expect(notices).toEqual(['1 objects of the sink belong to no message of the stream']);

  sink.before = () => undefined;
  const { partition, offset } = (await world.records(stream.topic)).find(
    ({ key }) => key?.toString() === 'bad',
  )!;
  expect(partition).toBeGreaterThanOrEqual(0);
  await replay(stream, `${stream.name}-bad-${offset}`);
  await completed(`${stream.name}-bad-${offset}`);
  expect(await audit()).toMatchObject({ delivered: 3, deadLettered: 1 });
  await bridge.stop();
});

test('reconcile recognizes messages with ids in a header by their content at the sink', async () => {
  const { stream, sink } = await world.stream({
    partitions: 1,
    decode: (value, { headers }) => ({
      ...(JSON.parse(String(value)) as object),
      id: String(new Map(headers).get('id')!),
    }),
  });
  const records = ['a', 'b', 'c'].map((id) => ({
    ...{ value: messageValue('none', id === 'c' ? 'other' : 'same'), headers: { id } },
  }));
  await world.send(stream.topic, records);
  sink.objects.set('a', records[0]!.value);
  sink.objects.set('c', records[2]!.value);
  const kafka = world.kafka();
  expect(await reconcile(kafka, await client(), stream)).toMatchObject({
    ...{ messages: 3, delivered: 2, missing: 1, double: 0 },
  });
  sink.objects.set('b', records[1]!.value);
  expect(await reconcile(kafka, await client(), stream)).toMatchObject({
    ...{ messages: 3, delivered: 3, missing: 0, double: 0 },
  });
});

test.each<{ execution: ExecutionOptions; newIds: (stream: AnyStream) => Partial<AnyStream> }>([
  {
    execution: { lane: 'record' },
    newIds: () => ({ workflowId: 'r2-{stream}-{messageId}-{offset}' }),
  },
  { execution: { lane: 'chunk' }, newIds: ({ name }) => ({ name: `${name}-r2` }) },
])(
  'delivered records are redone in the $execution.lane lane after a reset only under new ids',
  async (lane) => {
    const { stream, sink } = await world.stream({ partitions: 1, execution: lane.execution });
    const { topic, groupId } = stream;
    await world.send(topic, [message('a'), message('b')]);
    const deliver = async (one: AnyStream) => {
      const bridge = await world.bridge(one);
      await until('all are committed', async () => (await world.lag(one)) === 0);
      await bridge.stop();
      await withAdmin(world.kafka(), (admin) =>
        admin.resetOffsets({ groupId, topic, earliest: true }),
      );
    };
    await deliver(stream);
    sink.objects.clear();
    await deliver(stream);
    expect(sink.objects.size).toBe(0);
    const again = { ...optionsOf(stream), schema: messageSchema, sink, execution: lane.execution };
    await deliver(defineStream({ ...again, ...(lane.newIds(stream) as object) }));
    expect([...sink.objects.keys()].sort()).toEqual(['a', 'b']);
  },
);

test('the status of a stream without topics has zeros, and says that the topic does not exist', async () => {
  const stream = defineStream({
    name: uniqueName('none'),
    topic: uniqueName('none'),
    schema: messageSchema,
    sink: () => Promise.resolve(),
  });
  const status = await streamStatus(world.kafka(), await client(), stream);
  expect(describeStatus([status])).toMatch(
    new RegExp(
      `^${stream.name} +its topic does not exist: "cloudsync topics create" makes it$`,
      'm',
    ),
  );
  expect(status).toMatchObject({
    lag: 0,
    lagByPartition: {},
    consumers: { settled: true, members: [] },
    running: 0,
    failed: 0,
    deadLetters: 0,
  });
  await expect(reconcile(world.kafka(), await client(), stream)).rejects.toThrow("can't list");
});

describe('on the command line', () => {
  const root = join(__dirname, '..', '..', '..');
  let directory: string;
  let module: string;
  let stream: AnyStream;
  let broken: boolean;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudsync-operations-'));
    module = join(directory, 'streams.ts');
    const name = uniqueName('cli');
    const sinkDirectory = join(directory, 'sink');
    await writeFile(
      module,
      `import { defineStream, fileSystemSink, messageSchema } from ${JSON.stringify(join(root, 'src', 'index'))};
      export default defineStream({
        name: '${name}',
        topic: '${name}',
        schema: messageSchema,
        sink: fileSystemSink({ directory: ${JSON.stringify(sinkDirectory)} }),
      });`,
    );
    broken = true;
    const sink = fileSystemSink({ directory: sinkDirectory });
    stream = defineStream({
      name,
      topic: name,
      schema: messageSchema,
      sink: {
        write: (record, context) => {
          if (broken && record.messageId !== 'good') {
            throw new DeliveryError('Permanent', `rejected\u001b[31m`);
          }
          return sink.write(record, context);
        },
      },
    });
    await world.createTopics(stream);
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function cloudsync(...args: string[]) {
    const main = join(root, 'src', 'cli', 'main.ts');
    const command = ['--import', 'tsx', main, ...args, '--streams', module];
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        command,
        { env: process.env },
        (error, stdout, stderr) =>
          resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
      child.stdin?.end();
    });
  }

  async function json(...args: string[]): Promise<unknown> {
    return JSON.parse((await cloudsync(...args, '--json')).stdout);
  }

  test('the commands lead from failed records to a settled account', async () => {
    const hostile = `evil\u001b[2J"`;
    const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    const failing = [message('bad'), message(hostile)].map((one) => ({ ...one, headers }));
    await world.send(stream.topic, [message('good'), ...failing]);
    const bridge = await world.bridge(stream);
    await failedOnce(stream, 2);
    const { name } = stream;

    const list = (await json('failed', 'list')) as FailedEntry[];
    expect(list.map(({ messageId }) => messageId).sort()).toEqual(['bad', hostile]);
    for (const args of [
      ['failed', 'list'],
      ['dlq', 'list'],
      ['failed', 'show', list[0]!.workflowId!],
      ['dlq', 'show', '--stream', name, '0:0'],
    ]) {
      const { code, stdout } = await cloudsync(...args);
      expect({ args, code }).toEqual({ args, code: 0 });
      expect(stdout).toContain(name);
      expect(stdout).not.toContain('\u001b');
    }
    const shown = await cloudsync('failed', 'show', list[0]!.workflowId!);
    expect(shown.stdout).toMatch(new RegExp(`^trace id +${'a'.repeat(32)}$`, 'm'));
    expect(await json('dlq', 'list')).toHaveLength(2);
    expect(await json('failed', 'list', '--since', '1h', '--limit', '1')).toHaveLength(1);
    expect(await json('status')).toMatchObject({
      streams: [{ name, failed: 2, deadLetters: 2, running: 0, completed: 1 }],
    });

    expect((await cloudsync('failed', 'replay', '--stream', name)).code).toBe(2);
    expect(await json('failed', 'replay', '--stream', name, '--dry-run')).toMatchObject({
      replayed: 0,
      wouldReplay: expect.arrayContaining(list.map(({ workflowId }) => workflowId)) as string[],
    });
    broken = false;
    const unknown = await cloudsync('failed', 'replay', '--yes', '--json', 'no-such-workflow');
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no-such-workflow') as string,
    });
    expect(JSON.parse(unknown.stdout)).toMatchObject({ replayed: 0, refused: 0, failed: 1 });
    const all = ['failed', 'replay', '--stream', name, '--since', '1h', '--yes'];
    const none = { replayed: 0, refused: 0, failed: 0, notReplayed: [] };
    expect(await json(...all, '--error-type', 'Throttled')).toEqual(none);
    const { errorType } = list[0]!;
    expect(await json(...all, '--error-type', errorType!, '--wait')).toEqual({
      ...{ ...none, replayed: 2, delivered: 2, deadAgain: 0 },
    });
    for (const { workflowId } of list) await completed(workflowId!);
    // The letters of the failed runs are settled.
    expect(await json('dlq', 'list')).toEqual([]);
    expect(await json('dlq', 'list', '--status', 'delivered')).toHaveLength(2);
    const [group] = (await json('dlq', 'groups')) as { id: string; counts: object }[];
    expect(group!.counts).toMatchObject({ open: 0, delivered: 2 });
    const ofGroup = ['dlq', 'list', '--status', 'all', '--group'];
    expect(await json(...ofGroup, group!.id)).toHaveLength(2);
    expect(await json(...ofGroup, 'another')).toEqual([]);
    const again = await cloudsync('failed', 'replay', list[0]!.workflowId!, '--yes', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ replayed: 0, refused: 1, failed: 0 });
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Completed') as string,
    });

    await until('committed', async () => (await world.lag(stream)) === 0);
    const settled = await cloudsync('reconcile', '--stream', name, '--json');
    expect(settled.code).toBe(0);
    expect(JSON.parse(settled.stdout)).toMatchObject({ messages: 3, delivered: 3, missing: 0 });
    await unlink(join(directory, 'sink', 'good.json'));
    await writeFile(join(directory, 'sink', 'copy.json'), messageValue('bad'));
    const unsettled = await cloudsync('reconcile', '--stream', name, '--json');
    expect(unsettled.code).toBe(1);
    expect(JSON.parse(unsettled.stdout)).toMatchObject({
      missingIds: ['good'],
      doubleIds: ['bad'],
    });
    await bridge.stop();
    // About twenty commands run here, each in a process of its own.
  }, 300_000);

  test.each([
    ['failed replay without ids and filters', ['failed', 'replay', '--yes']],
    ['ids with --since', ['failed', 'replay', 'a', '--since', '1h', '--yes']],
    ['a --since that is no time', ['failed', 'list', '--since', 'yesterday']],
    ['a --limit of 0', ['dlq', 'list', '--limit', '0']],
    ['an unknown stream', ['status', '--stream', 'nope']],
    ['dlq show without an id', ['dlq', 'show']],
  ])('%s is wrong usage', async (_, args) => {
    expect(await cloudsync(...args)).toMatchObject({ code: 2, stdout: '' });
  });
});
