import { execFile, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { encodeBatch } from '../../kafka/support/encode-batch';
import { deadLetterHeader, originalHeaders } from '../../../src/domain/workflow/dead-letter';
import { DeliveryError, UsageError } from '../../../src/domain/errors';
import { messageSchema } from '../../../src/domain/record/message';
import { defineStream, type AnyStream } from '../../../src/domain/stream/stream';
import {
  listDeadLetters,
  type ListedLetter,
} from '../../../src/operations/dead-letters/dead-letters-list';
import { readAudit } from '../../../src/operations/replay/replay-audit';
import { describePosition, type KafkaRecord } from '../../../src/domain/record/record';
import { streamStatus } from '../../../src/operations/status/status';
import { replayFailed } from '../../../src/operations/failed/failed-replay';
import type { LetterResult } from '../../../src/operations/replay/replay-journal';
import { stateTopic } from '../../../src/domain/stream/state-topic';
import { trace, type TraceSubject } from '../../../src/operations/trace/trace';
import { fileSystemSink } from '../../../src/sinks/filesystem/filesystem';
import { headersByJava, sendHeadersWithJava } from '../support/java-tools';
import { produceBytes } from '../support/produce-bytes';
import { replayHere, type ReplayOptions } from '../support/replay';
import type { MemorySink } from '../support/memory-sink';
import { message, messageValue, uniqueName, until, World } from '../support/world';

// One test starts the command line seven times.
jest.setTimeout(240_000);

let world: World;
let directory: string;
beforeEach(async () => {
  world = new World();
  directory = await mkdtemp(join(tmpdir(), 'cloudsync-way-back-'));
});
afterEach(async () => {
  await world.close();
  await rm(directory, { recursive: true });
});

/** Replays as a worker does. */
const replay = (stream: AnyStream, options: ReplayOptions = {}) =>
  replayHere(world, stream, options);

const facts = (results: LetterResult[]) =>
  results.map(({ letter, outcome, reason, end }) => ({
    ...{ messageId: letter.messageId, outcome },
    ...(reason !== undefined && { reason }),
    ...(end !== undefined && { end }),
  }));

async function traceOf(stream: AnyStream, subject: TraceSubject, scan = false) {
  const { client } = await world.temporal();
  const found = await trace(world.kafka(), client, [stream], subject, { scan });
  return { ...found.streams[0]!, messageId: found.messageId };
}

async function letters(stream: AnyStream, count: number) {
  await until(`${count} letters`, async () => {
    return (await listDeadLetters(world.kafka(), [stream])).length === count;
  });
  return listDeadLetters(world.kafka(), [stream]);
}

/** A broken sink: rejects these message ids. */
function reject(sink: MemorySink, isBad: (messageId: string) => boolean = () => true): void {
  sink.before = ({ messageId }) => {
    if (isBad(messageId)) throw new DeliveryError('Permanent', 'rejected');
  };
}
const mend = (sink: MemorySink) => (sink.before = () => undefined);

/** An id that tries to leave a query, a terminal, a line and a file name. */
const HOSTILE = `../it's "q\\u" OR ""=""\u001b[2J\n\u202e${'é'.repeat(300)}`;

test('a failed workflow runs again under its id, and never again after it has completed', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  reject(sink);
  await world.send(stream.topic, [message('a'), message(HOSTILE)]);
  await world.bridge(stream);
  await letters(stream, 2);
  mend(sink);
  const died = await traceOf(stream, { messageId: HOSTILE });
  expect(died).toMatchObject({
    verdict: 'dead-lettered',
    records: [{ partition: 0, offset: 1, verdict: 'dead-lettered' }],
    runs: [{ status: 'Failed', errorType: 'Permanent', errorMessage: 'rejected', attempts: 1 }],
    deadLetters: [{ messageId: HOSTILE, errorType: 'Permanent' }],
    sinkObject: null,
  });
  const { deadLetter } = died.deadLetters[0]!;
  expect(await traceOf(stream, { record: deadLetter })).toMatchObject({
    ...{ messageId: HOSTILE, verdict: 'dead-lettered' },
    records: [{ topic: stream.topic, partition: 0, offset: 1, replays: 0 }],
  });
  expect(facts(await replay(stream, { filters: { messageIds: [HOSTILE] } }))).toEqual([
    { messageId: HOSTILE, outcome: 'replayed', end: 'delivered' },
  ]);
  expect(facts(await replay(stream))).toEqual([
    { messageId: 'a', outcome: 'replayed', end: 'delivered' },
    {
      messageId: HOSTILE,
      outcome: 'refused',
      reason: 'its latest run is Completed',
      end: 'delivered',
    },
  ]);
  expect(sink.attemptsOf(HOSTILE)).toBe(2);
  await until('both runs listed', async () => {
    const { runs, verdict } = await traceOf(stream, { messageId: HOSTILE });
    return (
      verdict === 'delivered' && runs.map(({ status }) => status).join() === 'Failed,Completed'
    );
  });
  expect(await traceOf(stream, { messageId: 'none' }, true)).toMatchObject({
    ...{ verdict: 'unknown', records: [], runs: [], deadLetters: [] },
    notLookedAt: ['the sink: it can not look a message up'],
  });
  const [{ letter }] = (await replay(stream, { filters: { messageIds: ['a'] } })) as [LetterResult];
  await world.forget(letter.workflowId!);
  expect(facts(await replay(stream, { filters: { messageIds: ['a'] } }))).toEqual([
    {
      ...{ messageId: 'a', outcome: 'refused', end: 'delivered' },
      reason: expect.stringMatching(/^replayed already: run .+, which is gone$/) as string,
    },
  ]);
  expect(await world.records(stream.topic)).toHaveLength(2);
  await expect(replay(stream, { filters: { places: ['0:7'] } })).rejects.toThrow('no dead letter');
});

test('a record whose workflow is gone goes back to its topic once, byte for byte', async () => {
  const { stream, sink } = await world.stream({ partitions: 3 });
  reject(sink);
  const headers = {
    own: Buffer.from([0xff, 0]),
    list: ['x', 'y'],
    'cloudsync-replay-of': 'forged',
  };
  const timestamp = String(Date.now() - 60_000);
  // This is not the partition of its key.
  await world.send(stream.topic, [{ ...message(HOSTILE), headers, timestamp, partition: 2 }]);
  await world.bridge(stream);
  const [letter] = await letters(stream, 1);
  await world.forget(letter!.workflowId!);
  mend(sink);
  const results = await replay(stream);
  expect(results).toMatchObject([
    { outcome: 'sentBack', end: 'delivered', underWay: { sentTo: { partition: 2, offset: 1 } } },
  ]);
  expect(sink.objects.get(HOSTILE)).toEqual(messageValue(HOSTILE));
  const [source, sent] = await world.records(stream.topic);
  const { topic, partition, offset } = letter!.deadLetter;
  expect(sent).toEqual({
    ...source!,
    offset: 1,
    headers: expect.any(Array) as [],
  });
  expect(await traceOf(stream, { messageId: HOSTILE }, true)).toMatchObject({
    verdict: 'delivered',
    records: [
      { partition: 2, offset: 0, replays: 0, replayOf: 'forged', verdict: 'dead-lettered' },
      { partition: 2, offset: 1, replays: 1, verdict: 'delivered' },
    ],
    runs: [{ status: 'Completed', outcome: 'delivered' }],
  });
  expect(originalHeaders(sent!)).toEqual(originalHeaders(source!));
  expect(deadLetterHeader(sent!, 'replays')).toBe('1');
  expect(deadLetterHeader(sent!, 'replay-of')).toBe(`${topic}/${partition}@${offset}`);
  const again = [
    { messageId: HOSTILE, outcome: 'refused', reason: `sent back already: ${topicOf(stream)}/2@1` },
  ];
  expect(facts(await replay(stream, { wait: false }))).toEqual(again);
  // The same holds if the state topic is lost.
  await world.deleteTopic(stateTopic(stream));
  expect(facts(await replay(stream, { wait: false }))).toEqual(again);
  expect(await world.records(stream.topic)).toHaveLength(2);
});

const topicOf = ({ topic }: AnyStream) => topic;

test.each([{ lane: 'record' }, { lane: 'chunk' }] as const)(
  'headers keep their order in letter and replay of the $lane lane, as other clients read them',
  async (execution) => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    reject(sink);
    const headers = 'A:1,B:2,A:3,C:4,B:5';
    await sendHeadersWithJava(stream.topic, headers, messageValue('a').toString());
    await world.bridge(stream);
    const [letter] = await letters(stream, 1);
    const [ofLetter] = await headersByJava(stream.deadLetterTopic, 1);
    expect(ofLetter).toMatch(new RegExp(`^${headers},cloudsync-`));
    await world.forget(letter!.workflowId!);
    mend(sink);
    expect(await replay(stream)).toMatchObject([{ outcome: 'sentBack', end: 'delivered' }]);
    const [sent, sentBack] = await headersByJava(stream.topic, 2);
    expect(sent).toBe(headers);
    expect(sentBack).toMatch(new RegExp(`^${headers},cloudsync-`));
  },
);

test('a record that is at the sink is not sent back, even if no log says how it came there', async () => {
  const files = fileSystemSink({ directory: join(directory, 'sink') });
  const name = uniqueName('held');
  let broken = true;
  const stream = defineStream({
    ...{ name, topic: name, schema: messageSchema },
    sink: {
      ...files,
      write: (record, context) => {
        if (broken) throw new DeliveryError('Permanent', 'rejected');
        return files.write(record, context);
      },
    },
  });
  await world.createTopics(stream, 1);
  await world.send(name, [message('a'), message('b')]);
  await world.bridge(stream);
  const found = await letters(stream, 2);
  broken = false;
  const { client } = await world.temporal();
  const { workflowId } = found.find(({ messageId }) => messageId === 'a')!;
  // The letter is on its topic a moment before its workflow has ended.
  const replayed = () => replayFailed(client, [stream], workflowId!);
  await until('it runs again', async () => (await replayed()).outcome === 'replayed');
  await until('delivered', async () => (await files.find!('a')) !== undefined);
  for (const letter of found) await world.forget(letter.workflowId!);
  expect(facts(await replay(stream))).toEqual([
    {
      ...{ messageId: 'a', outcome: 'refused', end: 'delivered' },
      reason: `the sink holds it already: ${(await files.find!('a'))!.location}`,
    },
    { messageId: 'b', outcome: 'sentBack', end: 'delivered', reason: expect.any(String) as string },
  ]);
  expect(await world.records(name)).toHaveLength(3);
});

test('a record that always dies is sent back only a limited number of times', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  reject(sink);
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  const [first] = await letters(stream, 1);
  await world.forget(first!.workflowId!);
  expect(facts(await replay(stream, { maxReplays: 1 }))).toEqual([
    { messageId: 'a', outcome: 'sentBack', end: 'deadAgain', reason: 'Permanent: rejected' },
  ]);
  const second = (await letters(stream, 2)).find(({ replays }) => replays === 1)!;
  const { topic, partition, offset } = first!.deadLetter;
  expect(second).toMatchObject({ offset: 1, replayOf: `${topic}/${partition}@${offset}` });
  await world.forget(second.workflowId!);
  expect(facts(await replay(stream, { maxReplays: 1 }))).toEqual([
    {
      messageId: 'a',
      outcome: 'superseded',
      reason: `replaced by ${topic}/${second.deadLetter.partition}@${second.deadLetter.offset}`,
    },
    {
      messageId: 'a',
      outcome: 'refused',
      reason: 'it was sent back once before: --max-replays raises the limit',
    },
  ]);
  mend(sink);
  expect(facts(await replay(stream, { maxReplays: 2 })).at(-1)).toMatchObject({
    outcome: 'sentBack',
    end: 'delivered',
  });
  expect(await world.records(stream.topic)).toHaveLength(3);
});

test('an invalid record is refused until its stream can read it, whether or not its workflow still exists', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  const widened = defineStream({
    ...{ name: stream.name, topic: stream.topic, sink },
    schema: z.union([messageSchema, z.object({ key: z.string() })]),
    messageId: (value) => ('key' in value ? value.key : value.id),
  });
  await world.send(stream.topic, [
    { key: 'a', value: '{"key":"a"}' },
    { key: 'b', value: '{"key":"b"}' },
    { key: 'c', value: '{nope' },
  ]);
  const bridge = await world.bridge(stream);
  const found = await letters(stream, 3);
  await world.forget(found.find(({ offset }) => offset === 1)!.workflowId!);
  const refused = {
    outcome: 'refused',
    reason: expect.stringMatching(/^still invalid: /) as string,
  };
  expect(facts(await replay(stream))).toMatchObject([refused, refused, refused]);
  await bridge.stop();
  await world.bridge(widened);
  expect(facts(await replay(widened))).toMatchObject([
    { messageId: 'a', outcome: 'replayed', end: 'delivered' },
    { messageId: 'b', outcome: 'sentBack', end: 'delivered' },
    { messageId: null, ...refused },
  ]);
  expect([...sink.objects.keys()].sort()).toEqual(['a', 'b']);
  const place = (offset: number) => ({ record: { topic: stream.topic, partition: 0, offset } });
  expect(await traceOf(widened, place(2))).toMatchObject({
    ...{ messageId: null, verdict: 'dead-lettered' },
    runs: [{ type: 'invalidRecord', errorType: 'InvalidJson' }],
  });
  await until('revalidated', async () => {
    const { runs, verdict } = await traceOf(widened, place(0));
    const courses = runs.map(({ type, status }) => `${type} ${status}`).sort();
    return (
      verdict === 'delivered' &&
      courses.join() === 'deliverRecord Completed,invalidRecord Completed,invalidRecord Failed'
    );
  });
});

test.each([{ lane: 'record' }, { lane: 'chunk' }] as const)(
  'trace calls a skipped record without a value filtered if it reads the topic, $lane lane',
  async (execution) => {
    const { stream, sink } = await world.stream({ partitions: 1, onNull: 'skip', execution });
    await world.send(stream.topic, [{ key: 'gone', value: null }, message('a')]);
    await world.bridge(stream);
    await until('what follows is delivered', () => sink.objects.has('a'));
    await until('all is committed', async () => (await world.lag(stream)) === 0);
    const [byPlace, byKey] = [
      await traceOf(stream, { record: { topic: stream.topic, partition: 0, offset: 0 } }),
      await traceOf(stream, { messageId: 'gone' }, true),
    ];
    for (const { verdict, records } of [byPlace, byKey]) {
      expect(verdict).toBe('filtered');
      expect(records).toMatchObject([{ offset: 0, verdict: 'filtered' }]);
    }
  },
);

test.each(
  (['none', 'key', 'partition'] as const).flatMap((ordering) => [
    { lane: 'record', ordering } as const,
    { lane: 'chunk', ordering } as const,
  ]),
)(
  'records that accept or filter skips end without workflow and letter, under ordering $ordering of the $lane lane',
  async ({ lane, ordering }) => {
    const tenant = (record: KafkaRecord) => String(record.headers[0]?.[1]);
    const { stream, sink } = await world.stream({
      ...{ partitions: 1, execution: { lane }, ordering },
      accept: (record) => tenant(record) !== 'theirs',
      filter: ({ type }) => type !== 'noise',
      messageId: ({ id }, record) => `${tenant(record)}-${id}`,
    });
    const send = (owner: string, value: string | Buffer) =>
      world.send(stream.topic, [
        { key: 'k', value: Buffer.from(value), headers: { tenant: owner } },
      ]);
    const noise = { ...(JSON.parse(String(messageValue('b'))) as object), type: 'noise' };
    await send('theirs', 'not even JSON');
    await send('ours', JSON.stringify(noise));
    for (const owner of ['ours', 'us', 'ours']) await send(owner, messageValue('c'));
    await world.bridge(stream);
    await until('all is committed', async () => (await world.lag(stream)) === 0);
    await until('both are delivered', () => sink.objects.size === 2);
    expect([...sink.objects.keys()].sort()).toEqual(['ours-c', 'us-c']);
    expect(await world.records(stream.deadLetterTopic)).toEqual([]);
    for (const offset of [0, 1]) {
      const found = await traceOf(stream, {
        record: { topic: stream.topic, partition: 0, offset },
      });
      expect(found.verdict).toBe('filtered');
    }
    await until('the totals say so', async () => {
      const { client } = await world.temporal();
      const { filtered } = await streamStatus(world.kafka(), client, stream);
      return filtered === 2;
    });
  },
);

/** A batch of two records in an LZ4 frame whose content checksum is wrong. The broker accepts it. */
function withWrongLz4Checksum(): Buffer {
  const now = BigInt(Date.now());
  const frame = (body: Buffer) => {
    const size = Buffer.alloc(4);
    // The first bit says that the block is not compressed.
    size.writeUInt32LE(0x80000000 + body.length);
    return Buffer.concat([Buffer.from('04224d186440a7', 'hex'), size, body, Buffer.alloc(8)]);
  };
  return encodeBatch({
    ...{ attributes: 3, baseTimestamp: now, maxTimestamp: now, packed: frame },
    records: ['x', 'y'].map((id, offsetDelta) => ({ offsetDelta, value: messageValue(id) })),
  });
}

test.each([{ lane: 'record' }, { lane: 'chunk' }] as const)(
  'trace finds the letter of an unreadable batch by each of its offsets, $lane lane',
  async (execution) => {
    const { stream, sink } = await world.stream({
      ...{ partitions: 1, execution, onUnreadable: 'deadLetter' },
    });
    await world.send(stream.topic, [message('before')]);
    await produceBytes(world.kafka(), stream.topic, withWrongLz4Checksum());
    await world.send(stream.topic, [message('behind')]);
    await world.bridge(stream);
    await until('what lies behind is delivered', () => sink.objects.has('behind'));
    const [{ workflowId }] = (await letters(stream, 1)) as [ListedLetter];
    await until(
      'it has failed',
      async () => (await world.workflowStatus(workflowId!)) === 'FAILED',
    );
    for (const offset of [1, 2]) {
      const place = { topic: stream.topic, partition: 0, offset };
      const found = await traceOf(stream, { record: place });
      expect(found).toMatchObject({
        ...{ verdict: 'dead-lettered', messageId: null },
        records: [{ offset: 1, timestamp: null, verdict: 'dead-lettered' }],
        deadLetters: [{ offset: 1, errorType: 'UnreadableBatch' }],
      });
      const run = found.runs.find(({ type }) => type === 'invalidRecord');
      expect(run).toMatchObject({ status: 'Failed', errorType: 'UnreadableBatch' });
    }
    const behind = { topic: stream.topic, partition: 0, offset: 3 };
    expect(await traceOf(stream, { record: behind })).toMatchObject({ verdict: 'delivered' });
  },
);

test.each([{ lane: 'record' }, { lane: 'chunk' }] as const)(
  'trace distinguishes a record of a recreated topic from the old record at its offset, $lane lane',
  async (execution) => {
    const { stream, sink } = await world.stream({ partitions: 1, execution });
    reject(sink, (id) => id === 'a');
    await world.send(stream.topic, [message('a'), message('b')]);
    const bridge = await world.bridge(stream);
    const [old] = await letters(stream, 1);
    await until('b is delivered', () => sink.objects.has('b'));
    await until('all is committed', async () => (await world.lag(stream)) === 0);
    await bridge.stop();
    await world.recreateTopic(stream);
    await world.send(stream.topic, [message('a'), message('b')]);
    const at = (offset: number) => ({ record: { topic: stream.topic, partition: 0, offset } });
    const [a, b] = [await traceOf(stream, at(0)), await traceOf(stream, at(1))];
    expect(a).toMatchObject({ verdict: 'unknown', deadLetters: [{ otherLog: true }] });
    expect(b.verdict).toBe('unknown');
    for (const { runs } of [a, b]) {
      expect(runs.length).toBeGreaterThan(0);
      expect(runs.every(({ otherLog }) => otherLog)).toBe(true);
    }
    // The message was delivered, whatever happens to its new record. The chunk alone does not show that.
    expect(await traceOf(stream, { messageId: 'b' }, true)).toMatchObject({
      verdict: execution.lane === 'chunk' ? 'unknown' : 'delivered',
      records: [{ offset: 1, verdict: 'unknown' }],
    });
    mend(sink);
    await world.bridge(stream);
    await until('the new ones are delivered', async () => {
      const found = [await traceOf(stream, at(0)), await traceOf(stream, at(1))];
      return found.every(({ verdict }) => verdict === 'delivered');
    });
    // The letter belongs to the old record.
    expect(await traceOf(stream, { record: old!.deadLetter })).toMatchObject({
      ...{ verdict: 'dead-lettered', deadLetters: [{ otherLog: false }] },
    });
  },
);

test('trace refuses a partition that the topic does not have', async () => {
  const { stream } = await world.stream({ partitions: 1 });
  for (const topic of [stream.topic, stream.deadLetterTopic]) {
    const asked = traceOf(stream, { record: { topic, partition: 9, offset: 0 } });
    await expect(asked).rejects.toThrow(new UsageError(`topic ${topic} has no partition 9`));
  }
});

test('a replay keeps the order of a key: later records wait for earlier ones', async () => {
  const { stream: plain, sink } = await world.stream({ partitions: 1 });
  const stream: AnyStream = { ...plain, ordering: 'key' };
  reject(sink);
  const keyed = (key: string, id: string) => ({ ...message(id), key });
  await world.send(stream.topic, [
    keyed('k', 'k1'),
    keyed('other', 'o1'),
    keyed('k', 'k2'),
    keyed('k', 'k3'),
  ]);
  await world.bridge(stream);
  const found = await letters(stream, 4);
  await world.forget(found.find(({ messageId }) => messageId === 'k2')!.workflowId!);
  reject(sink, (id) => id === 'k1');
  expect(facts(await replay(stream, { wait: false }))).toMatchObject([
    { messageId: 'k1', outcome: 'replayed', end: 'deadAgain' },
    { messageId: 'k2', outcome: 'waiting' },
    { messageId: 'k3', outcome: 'waiting' },
    { messageId: 'o1', outcome: 'replayed', end: 'delivered' },
  ]);
  mend(sink);
  sink.attempts.length = 0;
  const results = await replay(stream, { wait: false });
  expect(facts(results).filter(({ outcome }) => outcome !== 'superseded')).toMatchObject([
    { messageId: 'k1', outcome: 'replayed', end: 'delivered' },
    { messageId: 'k2', outcome: 'sentBack', end: 'delivered' },
    { messageId: 'k3', outcome: 'replayed', end: 'delivered' },
    { messageId: 'o1', outcome: 'refused' },
  ]);
  expect(sink.attempts.map(({ messageId }) => messageId)).toEqual(['k1', 'k2', 'k3']);
});

test('a dead record of the chunk lane comes back in its own workflow, or in another chunk', async () => {
  const execution = { lane: 'chunk', maxRecords: 50, lingerMs: 5 } as const;
  const { stream, sink } = await world.stream({ partitions: 1, execution });
  reject(sink, (id) => id.startsWith('bad'));
  await world.send(
    stream.topic,
    ['good', 'bad1', 'bad2'].map((id) => message(id)),
  );
  await world.bridge(stream);
  const found = await letters(stream, 2);
  await world.forget(found.find(({ messageId }) => messageId === 'bad2')!.workflowId!);
  mend(sink);
  expect(facts(await replay(stream))).toMatchObject([
    { messageId: 'bad1', outcome: 'replayed', end: 'delivered' },
    { messageId: 'bad2', outcome: 'sentBack', end: 'delivered' },
  ]);
  expect([...sink.objects.keys()].sort()).toEqual(['bad1', 'bad2', 'good']);
  await until('the chunk of each is found', async () => {
    const good = await traceOf(stream, { messageId: 'good' }, true);
    const bad = await traceOf(stream, { messageId: 'bad2' }, true);
    return (
      good.verdict === 'delivered' &&
      good.runs.map(({ type }) => type).join() === 'deliverChunk' &&
      bad.records.map(({ verdict }) => verdict).join() === 'dead-lettered,delivered'
    );
  });
});

/** Writes a module with a stream of this name, whose sink writes files to `sink`. Returns functions that run commands on it. */
async function commandLine(name: string) {
  const root = join(__dirname, '..', '..', '..');
  const module = join(directory, 'streams.ts');
  const sinkDirectory = join(directory, 'sink');
  await writeFile(
    module,
    `import { defineStream, fileSystemSink, messageSchema } from ${JSON.stringify(join(root, 'src', 'index'))};
    export default defineStream({
      name: '${name}',
      topic: '${name}',
      schema: messageSchema,
      sink: fileSystemSink({ directory: ${JSON.stringify(sinkDirectory)} }),
    });
    // As a database connection of a sink does, this keeps the process from ending.
    setInterval(() => undefined, 60_000);`,
  );
  const start = (...args: string[]) => {
    const main = join(root, 'src', 'cli', 'main.ts');
    const tsx = join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
    const command = ['--import', tsx, main, ...args, '--streams', module];
    let child!: ChildProcess;
    const ended = new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      child = execFile(
        process.execPath,
        command,
        { cwd: directory, env: process.env },
        (error, stdout, stderr) =>
          resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
      child.stdin?.end();
    });
    return { child, ended };
  };
  return { start, run: (...args: string[]) => start(...args).ended, sinkDirectory };
}

test('the command line runs a dry run, a replay, a trace, and resumes a stopped replay', async () => {
  const name = uniqueName('cli');
  const { run, sinkDirectory } = await commandLine(name);
  const files = fileSystemSink({ directory: sinkDirectory });
  let broken = true;
  const stream = defineStream({
    ...{ name, topic: name, schema: messageSchema },
    sink: {
      write: (record, context) => {
        if (broken) throw new DeliveryError('Permanent', 'rejected\u001b[31m');
        return files.write(record, context);
      },
    },
  });
  await world.createTopics(stream, 1);

  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout } = await run(...args, '--json');
    return { ...(JSON.parse(stdout) as Record<string, unknown>), code };
  };
  const all = ['dlq', 'replay', '--stream', name];

  const invalid = { key: 'c', value: '{nope' };
  await world.send(name, [message(HOSTILE), message('b'), invalid, message('d')]);
  const bridge = await world.bridge(stream);
  const found = await letters(stream, 4);
  for (const id of ['b', 'd']) {
    await world.forget(found.find(({ messageId }) => messageId === id)!.workflowId!);
  }
  expect(await json(...all, '--dry-run')).toMatchObject({
    ...{ code: 0, replayed: 0, sentBack: 0, refused: 1 },
    wouldReplay: [found.find(({ messageId }) => messageId === HOSTILE)!.workflowId],
    wouldSendBack: Array(2).fill(expect.stringMatching(/-sync-dlq\/0@\d+$/)) as string[],
  });
  broken = false;
  const replayed = await json(...all, '--yes', '--wait', '--rate', '50');
  expect(replayed).toMatchObject({
    // Only the invalid record remains.
    ...{ code: 1, replayed: 1, sentBack: 2, refused: 1, failed: 0, delivered: 3, deadAgain: 0 },
    ...{ log: null, replay: expect.any(String) as string },
    records: [
      { messageId: HOSTILE, outcome: 'replayed', end: 'delivered' },
      { messageId: 'b', outcome: 'sentBack', sentTo: { topic: name, partition: 0 } },
      { messageId: null, outcome: 'refused' },
      { messageId: 'd', outcome: 'sentBack', sentTo: { topic: name, partition: 0 } },
    ],
  });
  // The named record needs nothing.
  expect(await json(...all, '--yes', '--id', 'b')).toMatchObject({ code: 1, refused: 1 });
  const resume = ['--resume', replayed.replay as string];
  expect(await json(...all, '--yes', ...resume)).toMatchObject({ replayed: 1, sentBack: 2 });
  expect(await world.records(name)).toHaveLength(6);

  expect(await json('trace', HOSTILE)).toMatchObject({
    ...{ code: 0, messageId: HOSTILE },
    streams: [
      {
        ...{ name, verdict: 'delivered' },
        sinkObject: { bytes: messageValue(HOSTILE).length },
        deadLetters: [{ errorMessage: 'rejected\u001b[31m' }],
      },
    ],
  });
  const shown = await run('trace', HOSTILE);
  expect(shown.stdout).toContain(`stream ${name}: delivered`);
  expect(shown.stdout).not.toContain('\u001b');
  expect(await json('trace', '--record', `${name}/0@2`)).toMatchObject({
    ...{ code: 0, messageId: null },
    streams: [{ verdict: 'dead-lettered', runs: [{ type: 'invalidRecord' }] }],
  });
  expect(await json('trace', 'nobody')).toMatchObject({ code: 1 });
  await bridge.stop();
});

test('Ctrl-C stops a replay, and the output says how to resume it', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  reject(sink);
  await world.send(stream.topic, [message('a')]);
  await world.bridge(stream);
  await letters(stream, 1);
  sink.before = () => {
    throw new DeliveryError('Transient', 'away');
  };
  const { start } = await commandLine(stream.name);
  const log = join(directory, 'log.ndjson');
  const options = ['--stream', stream.name, '--yes', '--wait', '--audit', log, '--json'];
  const { child, ended } = start('dlq', 'replay', ...options);
  const attempts = sink.attemptsOf('a');
  await until('it is tried again', () => sink.attemptsOf('a') > attempts);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect(code).toBe(1);
  const { replay: id, ...result } = JSON.parse(stdout) as { replay: string };
  expect(result).toMatchObject({ log, replayed: 1, delivered: 0, deadAgain: 0 });
  expect(stderr).toContain(`--resume ${id}`);
  const lines = (await readAudit(log)).map(({ event }) => event);
  expect(lines).toEqual(['start', 'starting', 'started']);
});

test('a replay that an earlier version has begun goes on from its log', async () => {
  const { stream, sink } = await world.stream({ partitions: 1 });
  reject(sink);
  await world.send(stream.topic, [message('a'), message('b')]);
  await world.bridge(stream);
  const found = await letters(stream, 2);
  for (const { workflowId } of found) await world.forget(workflowId!);
  mend(sink);
  const { deadLetterTopic, name } = stream;
  const at = new Date().toISOString();
  const ranges = [{ partition: 0, low: 0, high: 2 }];
  const sent = found.find(({ messageId }) => messageId === 'a')!;
  const of = { at, letter: describePosition(sent.deadLetter), runId: sent.runId };
  const lines = [
    {
      ...{ event: 'start', at, stream: name, deadLetterTopic, ranges },
      ...{ filters: {}, maxReplays: 3, wait: true },
    },
    // It says that the record was sent, to a place that nobody finds.
    { event: 'sent', ...of, to: { topic: stream.topic, partition: 0, offset: 0 } },
  ];
  const { run } = await commandLine(name);
  const folder = join(directory, '.cloudsync', 'replays');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'old.ndjson'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  const command = ['dlq', 'replay', '--stream', name, '--yes', '--json'];
  const again = await run(...command, '--wait');
  expect(JSON.parse(again.stdout)).toMatchObject({ sentBack: 1, refused: 1, delivered: 2 });
  const resumed = await run(...command, '--resume', join(folder, 'old.ndjson'));
  expect(JSON.parse(resumed.stdout)).toMatchObject({ replay: 'old', sentBack: 1, refused: 1 });
  expect(await world.records(stream.topic)).toHaveLength(3);
});
