import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installTemporalRuntime } from '../src/temporal/runtime';
import type { Settings } from '../src/settings/config';
import type { Ordering } from '../src/domain/stream/stream';
import benchStream from './stream';
import {
  argument,
  localSettings,
  logger,
  machine,
  prepare,
  quantile,
  send,
  startProcess,
} from './support';

/**
 * Measures the cost of an order by key: both lanes with it and without, in turns, on the local servers and topics
 * that are full when the bridge worker starts. Usage: `npm run bench:ordering [-- --json] [--keys N]
 * [--records N] [--chunk-records N] [--rounds N]`.
 */
const KEYS = argument('keys', 1_000);
const RECORDS = { record: argument('records', 3_000), chunk: argument('chunk-records', 100_000) };
const ROUNDS = argument('rounds', 3);
const BYTES = 200;

const LANES = ['record', 'chunk'] as const;
const ORDERINGS = ['none', 'key'] as const;

interface Result {
  lane: (typeof LANES)[number];
  ordering: Ordering;
  recordsPerSecond: number;
  cpuMicrosPerRecord: number;
}

/** Measures from the end of the first tenth to the last record. */
async function measure(
  settings: Settings,
  run: string,
  directory: string,
  lane: Result['lane'],
  ordering: Ordering,
): Promise<Result> {
  const records = RECORDS[lane];
  const producer = await prepare(settings, benchStream({ ...settings, topic: run }));
  await send(producer, run, 'm', records, BYTES, (index) => `k${index % KEYS}`);
  await producer.disconnect();
  const given = { CLOUDSYNC_LANE: lane, BENCH_ORDERING: ordering };
  const bridge = await startProcess(settings, run, directory, given);
  const until = async (count: number) => {
    for (;;) {
      const seen = await bridge.metrics();
      if (seen.delivered >= count) return { ...seen, at: performance.now() };
      await sleep(50);
    }
  };
  const before = await until(records / 10);
  const after = await until(records);
  await bridge.stop();
  await rm(join(directory, run), { recursive: true, force: true });
  const count = after.delivered - before.delivered;
  return {
    lane,
    ordering,
    recordsPerSecond: count / ((after.at - before.at) / 1_000),
    cpuMicrosPerRecord: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
  };
}

function print(results: Result[]): void {
  const rates = (lane: string, ordering: string) =>
    results
      .filter((one) => one.lane === lane && one.ordering === ordering)
      .map((one) => one.recordsPerSecond);
  const ratios = LANES.map((lane) => {
    const plain = rates(lane, 'none');
    const ofRounds = rates(lane, 'key').map((rate, round) => rate / plain[round]!);
    ofRounds.sort((a, b) => a - b);
    return { lane, min: ofRounds[0]!, median: quantile(ofRounds, 0.5), max: ofRounds.at(-1)! };
  });
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ machine, keys: KEYS, results, ratios }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${machine}; Kafka, Temporal and the bridge on the same cores\n\n`);
  process.stdout.write(`lane     ordering   records/s   us CPU/rec\n`);
  for (const { lane, ordering, recordsPerSecond, cpuMicrosPerRecord } of results) {
    const cells = [recordsPerSecond, cpuMicrosPerRecord].map((n) => n.toFixed(0).padStart(12));
    process.stdout.write(`${lane.padEnd(9)}${ordering.padEnd(8)}${cells.join('')}\n`);
  }
  for (const { lane, min, median, max } of ratios) {
    const range = `min ${min.toFixed(2)}, max ${max.toFixed(2)}`;
    process.stdout.write(`\n${lane} lane, key / none: ${median.toFixed(2)} (${range})`);
  }
  process.stdout.write('\n');
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-bench-'));
  const settings = await localSettings();
  installTemporalRuntime(logger);
  const unique = Date.now().toString(36);
  const results: Result[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const lane of LANES) {
        for (const ordering of ORDERINGS) {
          const run = `bench-${unique}-${round}-${lane}-${ordering}`;
          results.push(await measure(settings, run, directory, lane, ordering));
        }
      }
    }
    print(results);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

void main();
