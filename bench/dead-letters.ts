import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createKafka, withAdmin } from '../src/kafka/kafka';
import { stateTopic } from '../src/domain/stream/state-topic';
import { table } from '../src/lib/table';
import { streamStatus } from '../src/operations/status/status';
import { connectTemporal } from '../src/temporal/temporal';
import { installTemporalRuntime } from '../src/temporal/runtime';
import { writeEntries, writeLetters } from './letters';
import benchStream from './stream';
import { argument, localSettings, logger, machine, prepare, quantile } from './support';

/**
 * Measures what people wait for while a dead-letter topic is long: `status`, the screens of the operator page, `dlq list` and
 * `dlq groups`. Usage: `npm run bench:letters [-- --json] [--profile] [--letters N] [--entries N] [--rounds N]`.
 */
const LETTERS = argument('letters', 1_000_000);
const ENTRIES = argument('entries', 5_000);
const ROUNDS = argument('rounds', 5);
/** The page keeps each answer for 5 s. */
const STALE_MS = 5_200;
const POLL_MS = 500;
/** `status` and each screen shall take no longer, in milliseconds. */
const AIM_MS = 1_000;

const MAIN = join(__dirname, '..', 'dist', 'cli', 'main.js');
const PROFILE = process.argv.includes('--profile')
  ? ['--cpu-prof', `--cpu-prof-dir=${join('.cloudsync', 'profile')}`]
  : [];

/** Times of each thing that is measured, in milliseconds. */
const times = new Map<string, number[]>();
const say = (text: string) => process.stderr.write(`${text}\n`);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  const ms = performance.now() - started;
  times.set(name, [...(times.get(name) ?? []), ms]);
  say(`${name}: ${Math.round(ms)} ms`);
  return result;
}

async function rounds(work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) await work();
}

/** Measures a command as a whole process. */
function command(env: NodeJS.ProcessEnv, ...args: string[]): Promise<unknown> {
  const options = { env, maxBuffer: 1 << 28 };
  return timed(args.join(' '), () =>
    promisify(execFile)(process.execPath, [...PROFILE, MAIN, ...args], options),
  );
}

async function startPage(env: NodeJS.ProcessEnv, directory: string) {
  const path = join(directory, 'page.log');
  const log = await open(path, 'w');
  const child = spawn(process.execPath, [...PROFILE, MAIN, 'page', 'start'], {
    ...{ env, stdio: ['ignore', log.fd, log.fd] },
  });
  let url: string | undefined;
  while (!url) {
    if (child.exitCode !== null) throw new Error(`the page ended: ${await readFile(path, 'utf8')}`);
    await sleep(20);
    url = /"url":"([^"]+)"/.exec(await readFile(path, 'utf8'))?.[1];
  }
  const address = url;
  return {
    /** Asks for a screen as JSON, and measures the answer. */
    look: <T>(name: string, screen: string) =>
      timed(name, async () => {
        const headers = { accept: 'application/json' };
        const answer = await fetch(new URL(screen, address), { headers });
        if (!answer.ok) throw new Error(`${screen} answered ${answer.status}`);
        return (await answer.json()) as T;
      }),
    async memoryMb() {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(child.pid)]);
      return Number(stdout) / 1024;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      await log.close();
    },
  };
}

interface Overview {
  streams: { letters: Record<string, number> | null }[];
}
const SCREENS = { overview: '/', 'dead letters': '/dead-letters' };
/** A text that no letter has: the page reads as many letters as it ever reads for one answer. */
const SEARCH = '/dead-letters?q=nowhere';

async function measurePage(env: NodeJS.ProcessEnv, directory: string) {
  const page = await startPage(env, directory);
  try {
    const startMb = await page.memoryMb();
    const started = performance.now();
    let peakMb = 0;
    let counts: Record<string, number> | null = null;
    for (let kind = 'first look'; ; kind = 'index being read') {
      const { streams } = await page.look<Overview>(`overview, ${kind}`, SCREENS.overview);
      counts = streams[0]!.letters;
      if (counts) break;
      await page.look(`dead letters, ${kind}`, SCREENS['dead letters']);
      peakMb = Math.max(peakMb, await page.memoryMb());
      await sleep(POLL_MS);
    }
    const countsMs = performance.now() - started;
    await rounds(async () => {
      await sleep(STALE_MS);
      for (const [name, screen] of Object.entries(SCREENS)) await page.look(name, screen);
      await page.look('dead letters, search in vain', SEARCH);
    });
    const endMb = await page.memoryMb();
    const bytesPerLetter = ((endMb - startMb) * 1024 * 1024) / LETTERS;
    return { countsMs, counts, startMb, peakMb: Math.max(peakMb, endMb), endMb, bytesPerLetter };
  } finally {
    await page.stop();
  }
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-letters-'));
  const settings = await localSettings();
  installTemporalRuntime(logger);
  const stream = benchStream({ ...settings, topic: `letters-${Date.now().toString(36)}` });
  const kafka = createKafka(settings.kafka, logger);
  const temporal = await connectTemporal(settings.temporal);
  const env = {
    ...process.env,
    KAFKA_BROKERS: settings.kafka.brokers.join(','),
    TEMPORAL_ADDRESS: settings.temporal.connection.address,
    CLOUDSYNC_TOPIC: stream.topic,
    CLOUDSYNC_SINK_DIR: directory,
    CLOUDSYNC_STREAMS: join(__dirname, 'stream.ts'),
    CLOUDSYNC_PAGE_HOST: '127.0.0.1',
    CLOUDSYNC_PAGE_PORT: '0',
    CLOUDSYNC_PAGE_TOKENS: '',
  };
  const producer = await prepare(settings, stream);
  try {
    const runs = await writeLetters(producer, stream, LETTERS, (written) => {
      if (written % 100_000 === 0) say(`${written} dead letters written`);
    });
    await producer.disconnect();
    await writeEntries(kafka, stream, runs, ENTRIES);
    await rounds(() =>
      timed('the call of status alone', () => streamStatus(kafka, temporal.client, stream)),
    );
    await rounds(() => command(env, 'status', '--json'));
    await rounds(() => command(env, 'dlq', 'list', '--limit', '50'));
    const page = await measurePage(env, directory);
    await rounds(() => command(env, 'dlq', 'groups'));
    print(page);
  } finally {
    const topics = [stream.topic, stream.deadLetterTopic, stateTopic(stream)];
    await withAdmin(kafka, (admin) => admin.deleteTopics({ topics }));
    await temporal.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function print(page: Awaited<ReturnType<typeof measurePage>>): void {
  const rows = [...times].map(([name, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    const [minMs, medianMs, maxMs] = [sorted[0]!, quantile(sorted, 0.5), sorted.at(-1)!];
    return { name, times: all.length, minMs, medianMs, maxMs };
  });
  if (process.argv.includes('--json')) {
    const result = { machine, letters: LETTERS, entries: ENTRIES, rows, page };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const cells = rows.map(({ name, times: count, ...ms }) => [
    ...[name, count, ...Object.values(ms).map(Math.round)],
  ]);
  const { countsMs, startMb, peakMb, endMb, bytesPerLetter } = page;
  process.stdout.write(
    `${machine}; Kafka and Temporal on the same cores\n` +
      `${LETTERS} dead letters, ${ENTRIES} entries about them; milliseconds\n\n` +
      `${table(['', 'times', 'min', 'median', 'max'], cells)}\n\n` +
      `the page has its counts after ${(countsMs / 1_000).toFixed(1)} s\n` +
      `its process takes ${Math.round(startMb)} MB before, ${Math.round(peakMb)} MB at the peak, ` +
      `${Math.round(endMb)} MB after: ${Math.round(bytesPerLetter)} bytes a letter\n\n`,
  );
  for (const { name, maxMs } of rows.filter((one) => !one.name.startsWith('dlq'))) {
    const verdict = maxMs <= AIM_MS ? 'within 1 s' : `NOT within 1 s: ${Math.round(maxMs)} ms`;
    process.stdout.write(`${name}: ${verdict}\n`);
  }
}

void main();
