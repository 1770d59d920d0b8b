import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafka, createProducer, type Producer } from '../src/clients/kafka';
import { connectTemporal } from '../src/clients/temporal';
import { installTemporalRuntime } from '../src/clients/temporal-runtime';
import { loadSettings, type Settings } from '../src/config';
import { createBridgeWorker } from '../src/create-bridge-worker';
import { up, userCacheDirectory } from '../src/dev';
import { fileSystemSink } from '../src/sinks/filesystem';
import { createLogger } from '../src/logger';
import { createMetrics } from '../src/metrics';
import { createTopics } from '../src/operations/topics';
import { defineStream } from '../src/domain/stream';
import { messageSchema } from '../src/domain/message';
import type { AnyStream } from '../src/domain/stream';
import type { Sink } from '../src/domain/sink';

/**
 * The record lane on the local servers, next to the floor of the same run: bare `workflow.start`
 * without a worker. Usage: `npm run bench:records [-- --json] [--records N] [--waiting N] [--rounds N]`.
 */
const argument = (name: string, fallback: number) => {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : Number(process.argv[index + 1]);
};
const RECORDS = argument('records', 2_000);
const WAITING = argument('waiting', 100_000);
const ROUNDS = argument('rounds', 3);
const WARM_UP = 300;
const logger = createLogger('error');

interface Row {
  name: string;
  recordsPerSecond: number;
  cpuMicrosPerRecord: number;
  p50Ms: number | null;
  p99Ms: number | null;
  rssMb: number;
}

function value(id: string): Buffer {
  const payload = { text: 'x'.repeat(400) };
  return Buffer.from(
    JSON.stringify({ id, type: 'bench', occurredAt: new Date().toISOString(), payload }),
  );
}

function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

const rssMb = () => Math.round(process.memoryUsage.rss() / 1024 / 1024);

async function measure(count: number, run: () => Promise<void>) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { recordsPerSecond: count / seconds, cpuMicrosPerRecord: (user + system) / count };
}

/** The server alone: what any design with one workflow a record can reach at most. */
async function floor(settings: Settings, run: string): Promise<Row> {
  const temporal = await connectTemporal(settings.temporal);
  const input = { content: value('floor').toString() };
  let next = 0;
  const starter = async () => {
    while (next < RECORDS) {
      const workflowId = `floor-${run}-${next++}`;
      const options = { workflowId, taskQueue: `floor-${run}`, args: [input] };
      await temporal.client.workflow.start('nobody', options);
    }
  };
  const figures = await measure(RECORDS, async () => {
    await Promise.all(Array.from({ length: 30 }, starter));
  });
  await temporal.close();
  return { name: 'bare workflow.start', ...figures, p50Ms: null, p99Ms: null, rssMb: rssMb() };
}

/** Keeps the time of each delivery. */
function timed(sink: Sink): { sink: Sink; delivered: Map<string, number> } {
  const delivered = new Map<string, number>();
  return {
    delivered,
    sink: {
      async write(record, context) {
        const result = await sink.write(record, context);
        delivered.set(record.messageId, Date.now());
        return result;
      },
    },
  };
}

async function prepare(settings: Settings, run: string, directory: string) {
  const { sink, delivered } = timed(fileSystemSink({ directory: join(directory, run) }));
  const stream = defineStream({ name: run, topic: run, schema: messageSchema, sink });
  const kafka = createKafka(settings.kafka, logger);
  await createTopics(kafka, [stream], { partitions: 4, replicationFactor: 1, dryRun: false });
  const producer = createProducer(kafka);
  await producer.connect();
  return { stream, delivered, producer };
}

async function send(producer: Producer, topic: string, prefix: string, count: number) {
  for (let from = 0; from < count; from += 1_000) {
    const length = Math.min(1_000, count - from);
    const messages = Array.from({ length }, (_, i) => {
      const id = `${prefix}${from + i}`;
      return { key: id, value: value(id) };
    });
    await producer.send({ topic, acks: -1, messages });
  }
}

const start = (settings: Settings, stream: AnyStream) =>
  createBridgeWorker({
    kafka: settings.kafka,
    temporal: settings.temporal,
    streams: [stream],
    logger,
    metrics: createMetrics(),
  });

/** A bridge worker in a process of its own, as in production; asked through its metrics. */
async function startProcess(settings: Settings, run: string, directory: string) {
  const log = join(directory, `${run}.log`);
  const env = {
    ...process.env,
    KAFKA_BROKERS: settings.kafka.brokers.join(','),
    TEMPORAL_ADDRESS: settings.temporal.connection.address,
    CLOUDSYNC_TOPIC: run,
    CLOUDSYNC_SINK_DIR: join(directory, run),
    CLOUDSYNC_STREAMS: join(__dirname, 'records-stream.ts'),
    CLOUDSYNC_METRICS_PORT: '0',
  };
  const main = join(__dirname, '..', 'dist', 'workers', 'bridge.js');
  const flags = process.argv.includes('--profile')
    ? ['--cpu-prof', `--cpu-prof-dir=${join('.cloudsync', 'profile')}`]
    : [];
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [...flags, main], {
    env,
    stdio: ['ignore', output, output],
  });
  let url: string | undefined;
  while (!url) {
    if (child.exitCode !== null)
      throw new Error(`the bridge worker ended: ${readFileSync(log, 'utf8')}`);
    await sleep(50);
    url = /"metrics":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
  }
  const address = url;
  return {
    async metrics() {
      const text = await (await fetch(address)).text();
      const value = (name: string) =>
        Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1] ?? 0);
      return {
        delivered: value(
          `cloudsync_records_total{stream="${run}",outcome="delivered"}`.replace(/[{}]/g, '\\$&'),
        ),
        cpuSeconds: value('process_cpu_seconds_total'),
        rssMb: Math.round(value('process_resident_memory_bytes') / 1024 / 1024),
      };
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Throughput with a full topic. */
async function recordLane(settings: Settings, run: string, directory: string): Promise<Row> {
  const { producer } = await prepare(settings, run, directory);
  await send(producer, run, 'w', WARM_UP);
  const bridge = await startProcess(settings, run, directory);
  const until = async (count: number) => {
    for (;;) {
      const seen = await bridge.metrics();
      if (seen.delivered >= count) return seen;
      await sleep(250);
    }
  };
  const before = await until(WARM_UP);
  const started = performance.now();
  await send(producer, run, 'm', RECORDS);
  const after = await until(WARM_UP + RECORDS);
  const seconds = (performance.now() - started) / 1000;
  await bridge.stop();
  await producer.disconnect();
  return {
    name: 'record lane',
    recordsPerSecond: RECORDS / seconds,
    cpuMicrosPerRecord: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / RECORDS,
    p50Ms: null,
    p99Ms: null,
    rssMb: after.rssMb,
  };
}

/** From append to delivery, at a rate that leaves the server room. */
async function latency(settings: Settings, run: string, directory: string): Promise<Row> {
  const perSecond = 25;
  const count = perSecond * 20;
  const { stream, delivered, producer } = await prepare(settings, run, directory);
  const service = await start(settings, stream);
  await send(producer, stream.topic, 'w', 100);
  while (delivered.size < 100) await sleep(20);
  const sentAt = new Map<string, number>();
  const figures = await measure(count, async () => {
    const begin = Date.now();
    for (let i = 0; i < count; i++) {
      const wait = begin + (i * 1000) / perSecond - Date.now();
      if (wait > 0) await sleep(wait);
      const id = `m${i}`;
      sentAt.set(id, Date.now());
      void producer.send({
        topic: stream.topic,
        acks: -1,
        messages: [{ key: id, value: value(id) }],
      });
    }
    while (delivered.size < 100 + count) await sleep(5);
  });
  const latencies = [...sentAt].map(([id, at]) => delivered.get(id)! - at).sort((a, b) => a - b);
  await service.stop();
  await producer.disconnect();
  return {
    name: `record lane at ${perSecond}/s`,
    ...figures,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    rssMb: rssMb(),
  };
}

/** Memory with a long topic behind the bridge. */
async function waiting(settings: Settings, run: string, directory: string) {
  const { producer } = await prepare(settings, run, directory);
  await send(producer, run, 'm', WAITING);
  await producer.disconnect();
  const bridge = await startProcess(settings, run, directory);
  let peak = 0;
  for (;;) {
    const { delivered, rssMb: now } = await bridge.metrics();
    peak = Math.max(peak, now);
    if (delivered >= 1_000) break;
    await sleep(100);
  }
  await bridge.stop();
  return { recordsWaiting: WAITING, peakRssMb: peak };
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-bench-'));
  const addresses = await up({
    directory: join('.cloudsync', 'dev'),
    cacheDirectory: userCacheDirectory(process.env),
    given: {
      brokers: process.env.KAFKA_BROKERS?.split(','),
      temporalAddress: process.env.TEMPORAL_ADDRESS,
    },
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  const settings = loadSettings({
    KAFKA_BROKERS: addresses.kafka.brokers.join(','),
    TEMPORAL_ADDRESS: addresses.temporal.address,
  });
  installTemporalRuntime(logger);
  const unique = Date.now().toString(36);
  const rows: Row[] = [];
  try {
    const memory = await waiting(settings, `bench-${unique}-waiting`, directory);
    for (let round = 0; round < ROUNDS; round++) {
      rows.push(await floor(settings, `${unique}-${round}`));
      rows.push(await recordLane(settings, `bench-${unique}-${round}`, directory));
    }
    rows.push(await latency(settings, `bench-${unique}-latency`, directory));
    print(rows, memory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function print(rows: Row[], memory: { recordsWaiting: number; peakRssMb: number }): void {
  const rates = (name: string) =>
    rows.filter((row) => row.name === name).map((row) => row.recordsPerSecond);
  const ratios = rates('record lane').map((rate, i) => rate / rates('bare workflow.start')[i]!);
  const ratioToFloor = {
    min: Math.min(...ratios),
    median: quantile(
      [...ratios].sort((a, b) => a - b),
      0.5,
    ),
    max: Math.max(...ratios),
  };
  const [cpu] = cpus();
  const machine = `${cpus().length} cores ${cpu?.model}, Node ${process.version}`;
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ machine, rows, ratioToFloor, memory }, null, 2)}\n`);
    return;
  }
  const cell = (n: number | null, digits = 0) => (n === null ? '' : n.toFixed(digits)).padStart(12);
  process.stdout.write(`${machine}; Kafka, Temporal and the bridge on the same cores\n\n`);
  process.stdout.write(
    `${''.padEnd(24)}   records/s   us CPU/rec      p50 ms      p99 ms      RSS MB\n`,
  );
  for (const row of rows) {
    process.stdout.write(
      `${row.name.padEnd(24)}${cell(row.recordsPerSecond)} ${cell(row.cpuMicrosPerRecord)}${cell(row.p50Ms)}${cell(row.p99Ms)}${cell(row.rssMb)}\n`,
    );
  }
  const { min, median, max } = ratioToFloor;
  process.stdout.write(
    `\nrecord lane / floor: ${median.toFixed(2)} (min ${min.toFixed(2)}, max ${max.toFixed(2)})\n` +
      `peak memory with ${memory.recordsWaiting} records waiting: ${memory.peakRssMb} MB\n`,
  );
}

void main();
