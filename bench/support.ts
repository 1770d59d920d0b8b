import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafka, type Producer } from '../src/kafka/kafka';
import { createProducer } from '../src/kafka/producer/producer';
import { connectTemporal } from '../src/temporal/temporal';
import { loadSettings, type Settings } from '../src/settings/config';
import { up, userCacheDirectory } from '../src/dev-servers';
import { createLogger } from '../src/telemetry/logger';
import { createTopics } from '../src/operations/topics';
import type { AnyStream } from '../src/domain/stream/stream';

/** The common part of the benchmarks: servers, records, and bridge workers in processes of their own. */
export const logger = createLogger('error');

/** The number of the option `--name N` on the command line. */
export function argument(name: string, fallback: number): number {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : Number(process.argv[index + 1]);
}

export interface Row {
  name: string;
  recordsPerSecond: number;
  cpuMicrosPerRecord: number;
  p50Ms: number | null;
  p99Ms: number | null;
  rssMb: number;
}

export const machine = `${cpus().length} cores ${cpus()[0]?.model}, Node ${process.version}`;

/** A message of about `bytes` bytes. */
export function messageOf(id: string, bytes: number): Buffer {
  const message = {
    id,
    type: 'bench',
    occurredAt: new Date().toISOString(),
    payload: { text: '' },
  };
  message.payload.text = 'x'.repeat(Math.max(bytes - JSON.stringify(message).length, 0));
  return Buffer.from(JSON.stringify(message));
}

export function quantile<T>(sorted: T[], q: number): T {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

export const rssMb = () => Math.round(process.memoryUsage.rss() / 1024 / 1024);

/** Measures `run` with `count` records: the rate, and the CPU time of this process. */
export async function measure(count: number, run: () => Promise<void>) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { recordsPerSecond: count / seconds, cpuMicrosPerRecord: (user + system) / count };
}

/** The settings of the local servers, which are started if the environment names none. */
export async function localSettings(): Promise<Settings> {
  const addresses = await up({
    directory: join('.cloudsync', 'dev'),
    cacheDirectory: userCacheDirectory(process.env),
    given: {
      brokers: process.env.KAFKA_BROKERS?.split(','),
      temporalAddress: process.env.TEMPORAL_ADDRESS,
    },
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  return loadSettings({
    KAFKA_BROKERS: addresses.kafka.brokers.join(','),
    TEMPORAL_ADDRESS: addresses.temporal.address,
  });
}

/** Creates the topics with four partitions, and a producer. */
export async function prepare(settings: Settings, stream: AnyStream): Promise<Producer> {
  const kafka = createKafka(settings.kafka, logger);
  await createTopics(kafka, [stream], { partitions: 4, replicationFactor: 1, dryRun: false });
  const producer = createProducer(kafka);
  await producer.connect();
  return producer;
}

/** Sends messages with the ids `<prefix>0` and so on, by default each with a key of its own. */
export async function send(
  producer: Producer,
  topic: string,
  prefix: string,
  count: number,
  bytes: number,
  keyOf = (index: number) => `${prefix}${index}`,
): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const length = Math.min(1_000, count - from);
    const messages = Array.from({ length }, (_, i) => {
      const id = `${prefix}${from + i}`;
      return { key: keyOf(from + i), value: messageOf(id, bytes) };
    });
    await producer.send({ topic, acks: -1, messages });
  }
}

/** Measures the server alone: the upper limit of any design with one workflow for each record. */
export async function bareStarts(
  settings: Settings,
  run: string,
  count: number,
  bytes: number,
): Promise<Row> {
  const temporal = await connectTemporal(settings.temporal);
  const input = { content: messageOf('floor', bytes).toString() };
  let next = 0;
  const starter = async () => {
    while (next < count) {
      const workflowId = `floor-${run}-${next++}`;
      const options = { workflowId, taskQueue: `floor-${run}`, args: [input] };
      await temporal.client.workflow.start('nobody', options);
    }
  };
  const figures = await measure(count, async () => {
    await Promise.all(Array.from({ length: 30 }, starter));
  });
  await temporal.close();
  return { name: 'bare workflow.start', ...figures, p50Ms: null, p99Ms: null, rssMb: rssMb() };
}

/** Starts a bridge worker of `bench/stream.ts` in a process of its own. Its metrics are read over HTTP. */
export async function startProcess(
  settings: Settings,
  run: string,
  directory: string,
  given: NodeJS.ProcessEnv = {},
) {
  const log = join(directory, `${run}-${Date.now()}.log`);
  const env = {
    ...process.env,
    KAFKA_BROKERS: settings.kafka.brokers.join(','),
    TEMPORAL_ADDRESS: settings.temporal.connection.address,
    CLOUDSYNC_TOPIC: run,
    CLOUDSYNC_SINK_DIR: join(directory, run),
    CLOUDSYNC_STREAMS: join(__dirname, 'stream.ts'),
    CLOUDSYNC_METRICS_PORT: '0',
    CLOUDSYNC_LOG_LEVEL: 'info',
    ...given,
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
    await sleep(20);
    url = /"metrics":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
  }
  const address = url;
  return {
    async metrics() {
      const text = await (await fetch(address)).text();
      const value = (name: string) =>
        Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (.+)$`, 'm').exec(text)?.[1] ?? 0);
      return {
        delivered: value(`cloudsync_records_total{stream="${run}",outcome="delivered"}`),
        chunks: value(`cloudsync_chunk_records_count{stream="${run}"}`),
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
