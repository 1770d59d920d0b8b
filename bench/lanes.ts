import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConsumer, createKafka, fetchedBatch } from '../src/kafka/kafka';
import { connectTemporal } from '../src/temporal/temporal';
import { installTemporalRuntime } from '../src/temporal/runtime';
import type { Settings } from '../src/settings/config';
import { parseNow } from '../src/domain/workflow/parse';
import type { KafkaRecord } from '../src/domain/record/record';
import type { AnyStream } from '../src/domain/stream/stream';
import { fileSystemSink } from '../src/sinks/filesystem/filesystem';
import { reconcile } from '../src/operations/reconcile/reconcile';
import { workflowCounts } from '../src/operations/status/status-workflows';
import { eachOf } from '../src/lib/each-of';
import benchStream from './stream';
import { latencyRow } from './latency';
import {
  argument,
  bareStarts,
  localSettings,
  logger,
  machine,
  measure,
  prepare,
  quantile,
  rssMb,
  send,
  startProcess,
  type Row,
} from './support';

/**
 * Measures both lanes on the local servers with the same records, with one and two bridge workers. The same run
 * measures three baselines: consuming alone; consume, parse and write without Temporal; bare
 * `workflow.start`. Usage: `npm run bench [-- --json] [--records N] [--rounds N] [--profile]`. Files go to
 * the system's temporary directory: with `TMPDIR=/dev/shm` no disk takes part.
 */
const RECORDS = argument('records', 200_000);
const OBJECT_RECORDS = RECORDS * 5;
const RECORD_LANE_RECORDS = 1_500;
const ROUNDS = argument('rounds', 3);
const BYTES = 200;
const CHUNK = 2_000;

interface LaneRow extends Row {
  chunks: number | null;
  ratioToFloor: number | null;
}

/** The work of a consumer without Temporal on each batch. */
type Work = 'nothing' | 'objects' | 'files';

/** Consumes the whole topic. The clock starts with the first batch. */
async function consumeFloor(
  settings: Settings,
  topic: string,
  work: Work,
  directory: string,
): Promise<LaneRow> {
  const stream = benchStream({ ...settings, topic });
  const consumer = createConsumer(createKafka(settings.kafka, logger), {
    groupId: `floor-${work}-${topic}-${Date.now()}`,
    minBytes: 1,
    maxBytesPerPartition: 1024 * 1024,
  });
  const folder = join(directory, `floor-${work}-${Date.now()}`);
  const sink = fileSystemSink({ directory: folder, chunkFiles: true });
  let seen = 0;
  let began: (() => void) | undefined;
  const beginning = new Promise<void>((resolve) => (began = resolve));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 4,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      began?.();
      const batch = fetchedBatch(payload);
      const { partition } = batch;
      const { records: messages, nextOffset } = batch.decode();
      payload.resolveOffset(String(nextOffset - 1));
      for (let from = 0; work !== 'nothing' && from < messages.length; from += CHUNK) {
        const records = messages
          .slice(from, from + CHUNK)
          .map((record) => ({ ...record, ...messageIn(stream, record) }));
        const [first, last] = [records[0]!.offset, records.at(-1)!.offset];
        if (work === 'objects') {
          await sink.writeChunk!(records, { topic, partition, first, last }, context);
        } else
          await eachOf(32, records, async (record) => void (await sink.write(record, context)));
      }
      seen += messages.length;
    },
  });
  await beginning;
  const figures = await measure(RECORDS, async () => {
    while (seen < RECORDS) await sleep(5);
  });
  await consumer.disconnect();
  await rm(folder, { recursive: true, force: true });
  const names = {
    nothing: 'consume',
    objects: 'consume + parse + objects',
    files: 'consume + parse + files',
  };
  return { ...row(names[work]), ...figures, rssMb: rssMb() };
}

const context = { signal: new AbortController().signal, attempt: 1 };

function messageIn(stream: AnyStream, record: KafkaRecord) {
  const parsed = parseNow(stream, record);
  if (!parsed.ok) throw new Error(parsed.reason.message);
  const { messageId, message } = parsed;
  return { messageId, message, value: record.value!, stream: stream.name, workflowId: '' };
}

function row(name: string): LaneRow {
  const none = { p50Ms: null, p99Ms: null, chunks: null, ratioToFloor: null };
  return { name, recordsPerSecond: 0, cpuMicrosPerRecord: 0, rssMb: 0, ...none };
}

/** Runs bridge workers on a full topic. The measurement starts after a tenth of it, when all of them are at work. */
async function lane(
  settings: Settings,
  run: string,
  directory: string,
  { processes, count, env }: { processes: number; count: number; env: NodeJS.ProcessEnv },
): Promise<LaneRow> {
  const stream = benchStream({
    ...settings,
    topic: run,
    sinkDirectory: join(directory, run),
    execution: { lane: env.CLOUDSYNC_LANE === 'chunk' ? 'chunk' : 'record' },
    chunkObjects: env.CLOUDSYNC_CHUNK_OBJECTS === 'true',
  });
  const producer = await prepare(settings, stream);
  await send(producer, run, 'm', count, BYTES);
  await producer.disconnect();
  const bridges = await Promise.all(
    Array.from({ length: processes }, () => startProcess(settings, run, directory, env)),
  );
  const look = async () => {
    const seen = await Promise.all(bridges.map((bridge) => bridge.metrics()));
    const sum = (of: (one: (typeof seen)[0]) => number) =>
      seen.reduce((all, one) => all + of(one), 0);
    return {
      at: performance.now(),
      delivered: sum((one) => one.delivered),
      allAtWork: seen.every((one) => one.delivered > 0),
      chunks: sum((one) => one.chunks),
      cpuSeconds: sum((one) => one.cpuSeconds),
      rssMb: sum((one) => one.rssMb),
    };
  };
  type Look = Awaited<ReturnType<typeof look>>;
  const until = async (enough: (seen: Look) => boolean) => {
    for (;;) {
      const seen = await look();
      if (enough(seen)) return seen;
      await sleep(20);
    }
  };
  const before = await until((seen) => seen.delivered >= count / 10 && seen.allAtWork);
  const after = await until((seen) => seen.delivered >= count);
  if (before.delivered > count / 2) throw new Error('too few records to measure: see --records');
  await judge(settings, stream, count);
  for (const bridge of bridges) await bridge.stop();
  await rm(join(directory, run), { recursive: true });
  const done = after.delivered - before.delivered;
  return {
    ...row(
      `${env.CLOUDSYNC_LANE} lane${env.CLOUDSYNC_CHUNK_OBJECTS ? ', objects' : ', files'} x${processes}`,
    ),
    recordsPerSecond: done / ((after.at - before.at) / 1_000),
    cpuMicrosPerRecord: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / done,
    rssMb: after.rssMb,
    chunks: env.CLOUDSYNC_LANE === 'chunk' ? after.chunks : null,
  };
}

/** Fails unless every message is at the sink once. */
async function judge(settings: Settings, stream: ReturnType<typeof benchStream>, count: number) {
  const temporal = await connectTemporal(settings.temporal);
  const kafka = createKafka(settings.kafka, logger);
  // After a rebalance a process may repeat records that another has counted as delivered.
  while ((await workflowCounts(temporal.client, stream)).running > 0) await sleep(500);
  const { delivered, missing, double } = await reconcile(kafka, temporal.client, stream);
  await temporal.close();
  if (delivered !== count || missing !== 0 || double !== 0) {
    throw new Error(`${stream.name}: ${delivered} delivered, ${missing} missing, ${double} double`);
  }
}

async function round(settings: Settings, run: string, directory: string): Promise<LaneRow[]> {
  const filled = `${run}-floors`;
  const producer = await prepare(settings, benchStream({ ...settings, topic: filled }));
  await send(producer, filled, 'm', RECORDS, BYTES);
  await producer.disconnect();
  const rows: LaneRow[] = [];
  const add = async (what: Promise<LaneRow>, floor?: LaneRow) => {
    const one = await what;
    if (floor) one.ratioToFloor = one.recordsPerSecond / floor.recordsPerSecond;
    process.stderr.write(`${one.name}: ${Math.round(one.recordsPerSecond)} records/s\n`);
    rows.push(one);
    return one;
  };
  const consumed = await add(consumeFloor(settings, filled, 'nothing', directory));
  const objects = await add(consumeFloor(settings, filled, 'objects', directory), consumed);
  const files = await add(consumeFloor(settings, filled, 'files', directory), consumed);
  const starts = await add(
    bareStarts(settings, run, RECORD_LANE_RECORDS, BYTES).then((floor) => ({
      ...row(''),
      ...floor,
    })),
  );
  const record = { env: { CLOUDSYNC_LANE: 'record' }, count: RECORD_LANE_RECORDS };
  await add(lane(settings, `${run}-r`, directory, { ...record, processes: 1 }), starts);
  for (const processes of [1, 2]) {
    const chunk = { env: { CLOUDSYNC_LANE: 'chunk' }, count: RECORDS, processes };
    await add(lane(settings, `${run}-f${processes}`, directory, chunk), files);
    const env = { ...chunk.env, CLOUDSYNC_CHUNK_OBJECTS: 'true' };
    // With fewer records the first worker would deliver all of them before the second has joined.
    const many = { ...chunk, env, count: OBJECT_RECORDS };
    await add(lane(settings, `${run}-o${processes}`, directory, many), objects);
  }
  return rows;
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-bench-'));
  const settings = await localSettings();
  installTemporalRuntime(logger);
  const unique = Date.now().toString(36);
  const rows: LaneRow[] = [];
  try {
    for (let i = 0; i < ROUNDS; i++)
      rows.push(...(await round(settings, `b-${unique}-${i}`, directory)));
    const execution = { lane: 'chunk' } as const;
    const options = { perSecond: 100, bytes: BYTES, execution };
    const latency = await latencyRow(settings, `b-${unique}-latency`, directory, options);
    rows.push({ ...row(''), ...latency });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
  } else print(rows);
}

/** Prints for each row the median round, with the range of the rounds. */
function print(rows: LaneRow[]): void {
  const cell = (value: number | null, digits = 0) =>
    (value === null ? '' : value.toFixed(digits)).padStart(12);
  process.stdout.write(`${machine}; Kafka, Temporal and the bridge on the same cores\n\n`);
  const heading = [
    'records/s',
    'min',
    'max',
    'us CPU/rec',
    'to floor',
    'chunks',
    'p50 ms',
    'p99 ms',
    'RSS MB',
  ];
  process.stdout.write(`${''.padEnd(28)}${heading.map((name) => name.padStart(12)).join('')}\n`);
  for (const name of new Set(rows.map((one) => one.name))) {
    const rounds = rows
      .filter((one) => one.name === name)
      .sort((a, b) => a.recordsPerSecond - b.recordsPerSecond);
    const median = quantile(rounds, 0.5);
    const cells = [
      cell(median.recordsPerSecond),
      cell(rounds[0]!.recordsPerSecond),
      cell(rounds.at(-1)!.recordsPerSecond),
      cell(median.cpuMicrosPerRecord),
      cell(median.ratioToFloor, 2),
      cell(median.chunks),
      cell(median.p50Ms),
      cell(median.p99Ms),
      cell(median.rssMb),
    ];
    process.stdout.write(`${name.padEnd(28)}${cells.join('')}\n`);
  }
}

void main();
