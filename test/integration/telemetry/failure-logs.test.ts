import { Writable } from 'node:stream';
import { withAdmin } from '../../../src/kafka/kafka';
import { installTemporalRuntime } from '../../../src/temporal/runtime';
import { DeliveryError } from '../../../src/domain/errors';
import type { ExecutionOptions } from '../../../src/domain/stream/stream';
import { createLogger } from '../../../src/telemetry/logger';
import { message, until, World } from '../support/world';

jest.setTimeout(120_000);

interface Line {
  level: number;
  msg: string;
  bytes: number;
  [field: string]: unknown;
}

let lines: Line[] = [];
const WARN = 40;
/** Warnings and errors, without those about the development servers at start, and those of Kafka's client. */
const failures = () =>
  lines.filter(
    ({ level, msg, error, component }) =>
      level >= WARN &&
      component !== 'kafka' &&
      !/retentions$|keeps records longer|coordinator is loading/.test(`${String(error)} ${msg}`),
  );

const logger = createLogger(
  'info',
  new Writable({
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString().trimEnd().split('\n')) {
        lines.push({ ...(JSON.parse(line) as Line), bytes: line.length });
      }
      done();
    },
  }),
);
// A process has one runtime, which keeps its first logger. So this comes before the first use of a world.
installTemporalRuntime(logger);

let world: World;
beforeEach(() => {
  lines = [];
  world = new World();
  world.bridgeOptions = { logger };
});
afterEach(() => world.close());

const RECORD: ExecutionOptions = { lane: 'record' };
const CHUNK: ExecutionOptions = { lane: 'chunk' };

test('an outage of the sink logs one line for each attempt, with the record and the error', async () => {
  const { stream, sink } = await world.stream({ execution: RECORD });
  let down = true;
  sink.before = () => {
    if (down) throw new Error('db is down');
  };
  await world.bridge(stream);
  const ids = ['o1', 'o2', 'o3'];
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  await until('each was tried three times', () => ids.every((id) => sink.attemptsOf(id) >= 3));
  down = false;
  await until('delivered', () => ids.every((id) => sink.objects.has(id)));
  const tried = ids.reduce((sum, id) => sum + sink.attemptsOf(id), 0);
  await until('all is logged', () => failures().length >= tried - ids.length);
  expect(failures()).toHaveLength(tried - ids.length);
  for (const line of failures()) {
    expect(line).toMatchObject({
      msg: 'Attempt at the sink failed',
      stream: stream.name,
      messageId: expect.stringMatching(/^o\d$/) as string,
      errorType: 'Transient',
      error: 'db is down',
      attempt: expect.any(Number) as number,
    });
    expect(line.bytes).toBeLessThan(500);
  }
  const attempts = failures().filter(({ messageId }) => messageId === 'o1');
  expect(attempts.map(({ attempt }) => attempt)).toEqual(attempts.map((_, i) => i + 1));
});

test('an outage of the sink in the chunk lane logs one line for each attempt of a chunk', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution: CHUNK });
  let down = true;
  sink.before = () => {
    if (down) throw new Error('db is down');
  };
  const messages = Array.from({ length: 40 }, (_, i) => message(`c${i}`));
  await world.send(stream.topic, messages);
  await world.bridge(stream);
  await until('it was tried', () => sink.attemptsOf('c0') >= 4);
  down = false;
  await until('delivered', () => sink.objects.size === messages.length);
  expect(failures().length).toBeLessThan(20);
  for (const line of failures()) {
    expect(line).toMatchObject({
      msg: 'Activity failed',
      stream: stream.name,
      activity: 'deliverChunk',
      workflowId: expect.stringContaining('-chunk-') as string,
      errorType: 'Transient',
      error: expect.stringMatching(/^\d+ of \d+ records failed: db is down$/) as string,
      attempt: expect.any(Number) as number,
    });
    expect(line.bytes).toBeLessThan(500);
  }
});

test('a dead record logs one line, and none when it is read again as a duplicate', async () => {
  const { stream, sink } = await world.stream({ partitions: 1, execution: RECORD });
  sink.before = ({ messageId }) => {
    if (messageId === 'bad') throw new DeliveryError('Permanent', 'the sink refuses it');
  };
  const bridge = await world.bridge(stream);
  const dead = [{ key: 'k1', value: '{nope' }, { key: 'k2', value: '{"id":"x2"}' }, message('bad')];
  await world.send(stream.topic, [...dead, message('good')]);
  const letters = async () => (await world.records(stream.deadLetterTopic)).length;
  await until('all letters', async () => (await letters()) === dead.length);
  await until('all is logged', () => failures().length >= dead.length);
  await until('all is committed', async () => (await world.lag(stream)) === 0);
  await bridge.stop();
  const common = { msg: 'Record is dead-lettered', stream: stream.name, topic: stream.topic };
  const sorted = () => failures().sort((a, b) => Number(a.offset) - Number(b.offset));
  expect(sorted()).toMatchObject([
    { ...common, offset: 0, messageId: null, key: 'k1', errorType: 'InvalidJson', attempts: 0 },
    { ...common, offset: 1, messageId: null, rawId: 'x2', errorType: 'SchemaMismatch' },
    {
      ...{ ...common, offset: 2, messageId: 'bad', errorType: 'Permanent' },
      ...{ error: 'the sink refuses it', attempts: 1 },
    },
  ]);
  for (const { bytes } of failures()) expect(bytes).toBeLessThan(700);

  lines = [];
  const { groupId, topic } = stream;
  const partitions = [{ partition: 0, offset: '0' }];
  await withAdmin(world.kafka(), (admin) => admin.setOffsets({ groupId, topic, partitions }));
  await world.bridge(stream);
  await until('all is skipped', () => lines.filter(({ layer }) => layer).length === 4);
  expect(failures()).toEqual([]);
});

test('a failed activity of a user’s own workflow logs one line without a stack', async () => {
  const activities = {
    reserve: () => Promise.reject(new Error('no stock today')),
    release: () => Promise.resolve(),
    confirm: () => Promise.resolve(),
  };
  const workflowsPath = require.resolve('../../../examples/two-step-workflow/workflows.ts');
  const { stream } = await world.stream({
    workflow: { type: 'reserveThenConfirm', workflowsPath, activities },
    retry: { fastAttempts: 1, maximumAttempts: 2, initialIntervalMs: 100 },
  });
  await world.bridge(stream);
  await world.send(stream.topic, [message('w')]);
  await until('dead-lettered', () =>
    failures().some(({ msg }) => msg === 'Record is dead-lettered'),
  );
  const failed = failures().filter(({ msg }) => msg === 'Activity failed');
  expect(failed.length).toBeGreaterThan(0);
  for (const line of failed) {
    expect(line).toMatchObject({
      stream: stream.name,
      activity: 'reserve',
      error: 'no stock today',
    });
    expect(line.bytes).toBeLessThan(500);
  }
  expect(failures().filter(({ msg }) => msg === 'Workflow failed')).toEqual([]);
});
