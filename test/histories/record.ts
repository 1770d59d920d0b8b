/**
 * Records the histories that test/histories/replay.test.ts replays: one for each path that a shipped workflow
 * can take. It is run by hand against a Temporal server, without Kafka.
 *
 *     TEMPORAL_ADDRESS=127.0.0.1:7233 npx tsx test/histories/record.ts [NAME…]
 *
 * Never edit a history, and never record one again to make a test pass: workflows that a released version has
 * started must continue under the next version. Record a new path under a new name.
 */
import { writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { ActivityDependencies } from '../../src/activities/create-activities';
import { connectTemporal } from '../../src/temporal/temporal';
import { installTemporalRuntime } from '../../src/temporal/runtime';
import { loadSettings } from '../../src/settings/config';
import { ChunkMemory } from '../../src/bridge/chunk-lane/chunk-memory';
import { createRecentLayer } from '../../src/dedupe/recent-layer';
import { BRAKE, type BrakeReason } from '../../src/domain/stream/brake';
import { RESUME_SIGNAL } from '../../src/domain/stream/lasting-state';
import { PAUSE, type PauseReason } from '../../src/domain/stream/pause';
import {
  REPLAY_WORKFLOW_TYPE,
  replayWorkflowId,
  STOP_REPLAY_SIGNAL,
  type ReplayRequest,
} from '../../src/domain/stream/replay';
import { HOLD_WORKFLOW_TYPE, holdWorkflowId } from '../../src/domain/stream/hold';
import { startOfChunk } from '../../src/domain/workflow/chunk';
import { DeliveryError } from '../../src/domain/errors';
import type { InvalidReason, KafkaRecord } from '../../src/domain/record/record';
import {
  startAfter,
  startOfInvalidRecord,
  startOfRecord,
  type WorkflowStart,
} from '../../src/domain/workflow/record-start';
import { createLogger } from '../../src/telemetry/logger';
import { createStreamWorkers, type StreamWorkerOptions } from '../../src/processes/stream-worker';
import { kafkaRecord, testStream } from '../domain/support/records';

const stream = testStream({
  name: 'recorded',
  retry: { fastAttempts: 2, maximumAttempts: 3, initialIntervalMs: 200 },
  sink: ({ messageId }) => {
    const failure = failures[messageId]?.shift();
    return failure ? Promise.reject(failure) : Promise.resolve({ outcome: 'written' });
  },
});

const transient = () => new DeliveryError('Transient', 'the sink is down');
const throttled = () => new DeliveryError('Throttled', 'slow down', { retryAfterMs: 300 });

/** The failures of a message's attempts, in order, before it is delivered. */
const failures: Record<string, Error[]> = {
  'delivered-after-fast-retry': [transient()],
  'delivered-after-retries': [transient(), transient(), transient()],
  'throttled-then-delivered': [throttled()],
  'tells-who-waits': [throttled()],
  'dead-lettered-at-once': [new DeliveryError('Permanent', 'the sink rejects this message')],
  'dead-lettered-after-retries': Array.from({ length: 5 }, transient),
  'dead-lettered-by-reserved-worker': [new DeliveryError('Permanent', 'the sink rejects this message')],
};

/** Unique to this recording, so that all of its ids are new. */
const offset = Date.now();

function recordOf(messageId: string): KafkaRecord {
  return kafkaRecord({ offset, value: Buffer.from(JSON.stringify({ id: messageId })) });
}

const started = (messageId: string) => startOfRecord(stream, recordOf(messageId), messageId);
const invalid = (record: KafkaRecord, type: InvalidReason['type']) =>
  startOfInvalidRecord(stream, record, { type, message: 'as it was then' });
const revalidated = invalid(recordOf('revalidated'), 'SchemaMismatch');

const BRAKED = 'braked-then-resumed';
const brake: BrakeReason = {
  stream: stream.name,
  since: '2026-01-01T00:00:00.000Z',
  deadLetters: 60,
  share: 0.9,
  errorType: 'Permanent',
};

const PAUSED = 'paused-then-resumed';
const pause: PauseReason = {
  stream: stream.name,
  since: '2026-01-01T00:00:00.000Z',
  by: 'operator@host',
  reason: 'maintenance',
};

const STOPPED = 'replay-stopped';
const replayRequest = (replay: string): ReplayRequest => ({
  ...{ stream: stream.name, replay, by: 'operator@host', at: '2026-01-01T00:00:00.000Z' },
  ...{ deadLetterTopic: stream.deadLetterTopic, ranges: [{ partition: 0, low: 0, high: 1 }] },
  ...{ filters: {}, maxReplays: 3, wait: false },
});
const replayStart = (replay: string) => ({
  workflowType: REPLAY_WORKFLOW_TYPE,
  workflowId: replayWorkflowId(stream.name),
  args: [replayRequest(replay)] as [ReplayRequest],
  memo: {},
});
/** The activity of a replay. The one that is to be stopped ends when it hears of that. */
const replay: StreamWorkerOptions['replay'] = {
  async replayLetters({ replay }) {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), 500);
    if (replay === STOPPED) await context.cancelled.catch(() => undefined);
    clearInterval(beat);
    return { text: 'done', done: 1, total: 1, counts: { replayed: 1 }, notices: [] };
  },
};

const HELD = 'held-then-free';
const heldPartition = { stream: stream.name, topic: stream.topic, partition: 0 };

const starts: Record<string, Omit<WorkflowStart, 'memo' | 'furtherIds'> & { memo: object }> = {
  [BRAKED]: {
    workflowType: BRAKE.workflowType,
    workflowId: BRAKE.workflowId(stream.name),
    args: [brake],
    memo: brake,
  },
  [PAUSED]: {
    workflowType: PAUSE.workflowType,
    workflowId: PAUSE.workflowId(stream.name),
    args: [pause],
    memo: pause,
  },
  replayed: replayStart('replayed'),
  [STOPPED]: replayStart(STOPPED),
  [HELD]: {
    workflowType: HOLD_WORKFLOW_TYPE,
    workflowId: holdWorkflowId(heldPartition),
    args: [heldPartition, []],
    memo: { ...heldPartition, heads: {} },
  },
  delivered: started('delivered'),
  ...Object.fromEntries(Object.keys(failures).map((name) => [name, started(name)])),
  'invalid-record': invalid({ ...recordOf('x'), value: Buffer.from('{nope') }, 'InvalidJson'),
  'invalid-record-revalidated': revalidated,
  // The second time the record's own workflow exists already.
  'invalid-record-revalidated-again': revalidated,
};

/** Streams with an order: the value is the path of a record that waits for the record of the key. Both run together. */
const behind: Record<string, string> = { 'tells-who-waits': 'waited-then-delivered' };
for (const [before, name] of Object.entries(behind)) {
  starts[name] = startAfter(started(name), starts[before]!.workflowId);
}
starts['after-one-that-ended'] = startAfter(started('after-one-that-ended'), 'recorded-none');

const deadLetters: ActivityDependencies['deadLetters'] = { write: () => Promise.resolve() };
const events: ActivityDependencies['events'] = {
  duplicateAtSink: () => undefined,
  attemptFailed: () => undefined,
  deadLettered: () => undefined,
  attemptSucceeded: () => undefined,
};

/** A chunk of one record, and that record. The worker has only the record of `fromMemory` in its memory. */
function chunkOf(messageId: string, at: number) {
  const value = Buffer.from(JSON.stringify({ id: messageId }));
  const record = kafkaRecord({ offset: offset + at, value });
  const { topic, partition, timestamp } = record;
  const range = { topic, partition, first: record.offset, last: record.offset };
  return { record, chunk: { stream: stream.name, ...range, count: 1, timestamp, firstRecord: record.offset } };
}
const fromMemory = chunkOf('chunk-from-memory', 1);
const readBack = chunkOf('chunk-read-back', 2);
const expired = chunkOf('chunk-expired', 3);
const reservedChunk = chunkOf('chunk-by-reserved-worker', 4);
const held = new ChunkMemory();
held.remember(fromMemory.chunk, [fromMemory.record]);
for (const { record, chunk } of [fromMemory, readBack, expired, reservedChunk]) {
  const { id } = JSON.parse(record.value!.toString()) as { id: string };
  starts[id] = startOfChunk(stream, chunk);
}
const chunks: ActivityDependencies['chunks'] = {
  events: {
    delivered: () => undefined,
    duplicate: () => undefined,
    checked: () => undefined,
    waiting: () => undefined,
    expired: () => undefined,
    filtered: () => undefined,
    decoding: () => undefined,
    attemptFailed: () => undefined,
    attemptSucceeded: () => undefined,
  },
  remembered: held,
  recent: createRecentLayer(stream, createLogger('warn')).recent,
  startOwnWorkflow: ({ workflowId }) => Promise.resolve(workflowId),
  reader: {
    // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
    async *read(_topic, _partition, from) {
      const found = [readBack, reservedChunk].find(({ record }) => record.offset === from);
      if (found) yield found.record;
    },
    earliest: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  },
};

/** A history without the facts about the machine on which it was recorded. */
function withoutTraces(json: string): string {
  const cleaned = JSON.stringify(
    JSON.parse(json, (key, value: unknown) =>
      key === 'identity' ? 'recorder' : key === 'stackTrace' ? '' : value,
    ),
    null,
    1,
  ).replaceAll(`${process.pid}@${hostname()}`, 'recorder');
  for (const trace of [hostname(), homedir(), process.cwd()]) {
    if (cleaned.includes(trace)) throw new Error(`the history still holds ${trace}`);
  }
  return `${cleaned}\n`;
}

async function main(): Promise<void> {
  const { temporal } = loadSettings(process.env);
  const logger = createLogger('error');
  installTemporalRuntime(logger);
  const connected = await connectTemporal(temporal);
  const { client, connection } = connected;
  const { namespace } = temporal;
  const workers = createStreamWorkers({
    stream,
    deadLetters,
    events,
    chunks,
    connection,
    namespace,
    temporal,
    replay,
  });
  const names = process.argv.slice(2);
  const [worker, reserved] = await Promise.all(workers);
  const run = async () => {
    const start = ({ workflowType, workflowId, args, memo }: (typeof starts)[string]) =>
      client.workflow.start(workflowType, {
        workflowId,
        taskQueue: stream.taskQueue,
        args,
        memo: { ...memo },
        requestEagerStart: true,
      });
    const record = async (name: string, handle: WorkflowHandle) => {
      // By then the first task is over.
      if ([BRAKED, PAUSED, STOPPED].includes(name)) await sleep(1_000);
      if (name === BRAKED || name === PAUSED) {
        await handle.signal(RESUME_SIGNAL, { by: 'operator' });
      }
      if (name === STOPPED) await handle.signal(STOP_REPLAY_SIGNAL, { by: 'operator@host' });
      if (name === HELD) {
        const dead = (offset: number) => [`key${offset % 2}`, [offset, `mark${offset}`]];
        await handle.executeUpdate('hold', { args: [[dead(1), dead(2), dead(3)]] });
        await handle.executeUpdate('delivered', { args: [[dead(1), dead(1)]] });
        await handle.executeUpdate('giveUp', { args: [{ offset: 2, by: 'operator@host' }] });
        await handle.executeUpdate('delivered', { args: [[dead(3)]] });
      }
      const end = await handle.result().then(
        () => 'completed',
        (error: unknown) => {
          if (error instanceof WorkflowFailedError) return 'failed';
          throw error;
        },
      );
      const file = join(__dirname, `${name}.json`);
      const history = historyToJSON(await handle.fetchHistory());
      await writeFile(file, withoutTraces(history));
      console.error(`${name}: ${end}`);
    };
    for (const name of Object.keys(starts)) {
      if (names.length > 0 && !names.includes(name)) continue;
      if (Object.values(behind).includes(name)) continue;
      const handle = await start(starts[name]!);
      const next = behind[name];
      const nextHandle = next && (await start(starts[next]!));
      await record(name, handle);
      if (next && nextHandle) await record(next, nextHandle);
    }
  };
  await worker!.runUntil(reserved!.runUntil(run));
  await connected.close();
}

void main();
