import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installTemporalRuntime } from '../src/temporal/runtime';
import type { Settings } from '../src/settings/config';
import benchStream from './stream';
import { argument, localSettings, logger, machine, prepare, send, startProcess } from './support';

/**
 * Measures the memory of one bridge worker when many records wait: with a long topic, with the largest records,
 * and with a sink that never answers. Usage: `npm run bench:limits [-- --json] [--waiting N] [--large N]`.
 */
const WAITING = argument('waiting', 1_000_000);
const LARGE = argument('large', 400);
/** Below 1,048,588 bytes, the largest batch that a broker accepts by default. */
const LARGE_BYTES = 1_000_000;
/** How long the run with a hanging sink takes: more than two attempts of 30 s. */
const HANGING_MS = argument('hanging-seconds', 75) * 1_000;

const HANGING_STREAM = join(__dirname, 'hanging-stream.ts');

interface Case {
  name: string;
  records: number;
  bytes: number;
  /** Says when the run ends. */
  until: (seen: { delivered: number; ms: number }) => boolean;
  env?: NodeJS.ProcessEnv;
}

const LANES = ['record', 'chunk'] as const;

const cases = (lane: (typeof LANES)[number]): Case[] => [
  {
    name: 'a long topic',
    records: WAITING,
    bytes: 200,
    // Temporal limits the rate of the record lane. The other records stay in Kafka.
    until: ({ delivered }) => delivered >= (lane === 'chunk' ? WAITING : 3_000),
  },
  {
    name: 'records of 1 MB',
    records: LARGE,
    bytes: LARGE_BYTES,
    until: ({ delivered }) => delivered >= LARGE,
  },
  {
    name: 'a sink that hangs',
    records: 50_000,
    bytes: 2_000,
    until: ({ ms }) => ms >= HANGING_MS,
    env: { CLOUDSYNC_STREAMS: HANGING_STREAM },
  },
];

async function run(
  settings: Settings,
  directory: string,
  lane: (typeof LANES)[number],
  { name, records, bytes, until, env }: Case,
) {
  const topic = `limits-${lane}-${Date.now().toString(36)}`;
  const producer = await prepare(settings, benchStream({ ...settings, topic }));
  const perCall = Math.max(1, Math.min(1_000, Math.floor(1_000_000 / bytes)));
  for (let from = 0; from < records; from += perCall) {
    await send(producer, topic, `${from}-`, Math.min(perCall, records - from), bytes);
  }
  await producer.disconnect();
  const given = { CLOUDSYNC_LANE: lane, CLOUDSYNC_CHUNK_OBJECTS: String(lane === 'chunk'), ...env };
  const bridge = await startProcess(settings, topic, directory, given);
  const started = performance.now();
  const first = (await bridge.metrics()).rssMb;
  let peak = first;
  let seen = await bridge.metrics();
  while (!until({ delivered: seen.delivered, ms: performance.now() - started })) {
    await sleep(200);
    seen = await bridge.metrics();
    peak = Math.max(peak, seen.rssMb);
  }
  await bridge.stop();
  await rm(join(directory, topic), { recursive: true, force: true });
  const { delivered, rssMb: last } = seen;
  const memory = { startMb: first, peakMb: peak, endMb: last };
  return { lane, name, records, bytes, delivered, ...memory };
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-limits-'));
  const settings = await localSettings();
  installTemporalRuntime(logger);
  const rows: Awaited<ReturnType<typeof run>>[] = [];
  try {
    for (const lane of LANES) {
      for (const one of cases(lane)) {
        process.stderr.write(`${lane} lane: ${one.name}\n`);
        rows.push(await run(settings, directory, lane, one));
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${machine}; memory of one bridge worker\n\n`);
  process.stdout.write(
    `${'lane'.padEnd(8)}${'what waits'.padEnd(20)}${['records', 'bytes', 'delivered', 'start MB', 'peak MB', 'end MB'].map((head) => head.padStart(11)).join('')}\n`,
  );
  for (const row of rows) {
    const figures = [row.records, row.bytes, row.delivered, row.startMb, row.peakMb, row.endMb];
    const cells = figures.map((figure) => String(figure).padStart(11)).join('');
    process.stdout.write(`${row.lane.padEnd(8)}${row.name.padEnd(20)}${cells}\n`);
  }
}

void main();
