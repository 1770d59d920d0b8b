import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTemporalRuntime } from '../src/temporal/runtime';
import type { Settings } from '../src/settings/config';
import benchStream from './stream';
import { latencyRow } from './latency';
import {
  argument,
  bareStarts,
  localSettings,
  logger,
  machine,
  prepare,
  quantile,
  send,
  startProcess,
  type Row,
} from './support';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Measures the record lane on the local servers. The same run measures the baseline: bare `workflow.start`
 * without a worker. Usage: `npm run bench:records [-- --json] [--records N] [--waiting N] [--rounds N]`.
 */
const RECORDS = argument('records', 2_000);
const WAITING = argument('waiting', 100_000);
const ROUNDS = argument('rounds', 3);
const WARM_UP = 300;
const BYTES = 500;

/** Measures the throughput with a full topic. */
async function recordLane(settings: Settings, run: string, directory: string): Promise<Row> {
  const producer = await prepare(settings, benchStream({ ...settings, topic: run }));
  await send(producer, run, 'w', WARM_UP, BYTES);
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
  await send(producer, run, 'm', RECORDS, BYTES);
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

/** Measures the memory while a long topic waits for the bridge. */
async function waiting(settings: Settings, run: string, directory: string) {
  const producer = await prepare(settings, benchStream({ ...settings, topic: run }));
  await send(producer, run, 'm', WAITING, BYTES);
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
  const settings = await localSettings();
  installTemporalRuntime(logger);
  const unique = Date.now().toString(36);
  const rows: Row[] = [];
  try {
    const memory = await waiting(settings, `bench-${unique}-waiting`, directory);
    for (let round = 0; round < ROUNDS; round++) {
      rows.push(await bareStarts(settings, `${unique}-${round}`, RECORDS, BYTES));
      rows.push(await recordLane(settings, `bench-${unique}-${round}`, directory));
    }
    const run = `bench-${unique}-latency`;
    rows.push(await latencyRow(settings, run, directory, { perSecond: 25, bytes: BYTES }));
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
