import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createKafka, withAdmin } from '../src/kafka/kafka';
import { createRecordReader } from '../src/kafka/reader';
import { createTopic } from '../src/kafka/topics';
import { up, userCacheDirectory } from '../src/dev-servers';
import { type Settings, loadSettings } from '../src/settings/config';
import { argument, logger, machine, messageOf, quantile } from './support';

/**
 * Measures the HTTP producer in messages per second: as NDJSON, with one process and with two, and as single
 * requests, beside bare kafkajs in the same round. Then reads the topic: every acknowledged message must be there.
 * Usage: `npm run bench:ingest [-- --json] [--rounds N] [--messages N] [--single N] [--lines N]`.
 */
const ROUNDS = argument('rounds', 5);
const MESSAGES = argument('messages', 200_000);
const SINGLE = argument('single', 20_000);
const LINES = argument('lines', 2_000);
const BYTES = 500;
/** Requests at a time, for each process. */
const NDJSON_REQUESTS = 4;
const SINGLE_REQUESTS = 64;
const BARE = 'bare kafkajs';
const ONE = 'NDJSON, one process';
const TWO = 'NDJSON, two processes';
const EACH = 'single requests, one process';

interface Rate {
  messagesPerSecond: number;
  /** CPU time of the producing processes, without broker and client. */
  cpuMicrosPerMessage: number;
}
type Row = Rate & { name: string };
interface Body {
  ids: string[];
  bytes: Buffer;
}

async function main(): Promise<void> {
  const settings = await kafkaSettings();
  const topic = `bench-ingest-${Date.now().toString(36)}`;
  const kafka = createKafka(settings.kafka, logger);
  await withAdmin(kafka, (admin) => createTopic(admin, { topic, numPartitions: 4 }));
  const rows: Row[] = [];
  const acknowledged: string[] = [];
  const apis = await Promise.all([startApi(settings, topic), startApi(settings, topic)]);
  try {
    const urls = apis.map(({ url }) => url);
    const cpuSeconds = async () =>
      (await Promise.all(apis.map((api) => api.cpuSeconds()))).reduce((sum, one) => sum + one);
    const send = async (name: string, to: string[], bodies: Body[], atOnce: number) => {
      const cpuBefore = await cpuSeconds();
      const started = performance.now();
      const ids = await post(to, bodies, atOnce);
      const seconds = (performance.now() - started) / 1000;
      const cpuMicrosPerMessage = (((await cpuSeconds()) - cpuBefore) * 1e6) / ids.length;
      for (const id of ids) acknowledged.push(id);
      if (name) rows.push({ name, messagesPerSecond: ids.length / seconds, cpuMicrosPerMessage });
    };
    await send('', urls, ndjson('warm-', 20_000), NDJSON_REQUESTS);
    for (let round = 0; round < ROUNDS; round++) {
      rows.push({ name: BARE, ...(await bare(settings, topic, `b${round}-`)) });
      await send(ONE, urls.slice(0, 1), ndjson(`o${round}-`, MESSAGES), NDJSON_REQUESTS);
      await send(TWO, urls, ndjson(`t${round}-`, MESSAGES), NDJSON_REQUESTS);
      await send(EACH, urls.slice(0, 1), single(`s${round}-`, SINGLE), SINGLE_REQUESTS);
    }
  } finally {
    await Promise.all(apis.map((api) => api.stop()));
  }
  const missing = await missingFrom(settings, topic, acknowledged);
  await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
  print(rows, { acknowledged: acknowledged.length, missing });
  if (missing > 0) process.exitCode = 1;
}

async function kafkaSettings(): Promise<Settings> {
  const given = process.env.KAFKA_BROKERS;
  if (given) return loadSettings({ KAFKA_BROKERS: given });
  const { kafka } = await up({
    directory: join('.cloudsync', 'dev'),
    cacheDirectory: userCacheDirectory(process.env),
    given: { brokers: undefined, temporalAddress: process.env.TEMPORAL_ADDRESS },
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  return loadSettings({ KAFKA_BROKERS: kafka.brokers.join(',') });
}

function ndjson(prefix: string, count: number): Body[] {
  return Array.from({ length: Math.ceil(count / LINES) }, (_, body) => {
    const length = Math.min(LINES, count - body * LINES);
    const ids = Array.from({ length }, (_, line) => `${prefix}${body * LINES + line}`);
    const lines = ids.flatMap((id) => [messageOf(id, BYTES), Buffer.from('\n')]);
    return { ids, bytes: Buffer.concat(lines) };
  });
}

function single(prefix: string, count: number): Body[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `${prefix}${i}`;
    return { ids: [id], bytes: messageOf(id, BYTES) };
  });
}

/** Posts the bodies, `atOnce` at a time to each address. Resolves with the acknowledged ids. */
async function post(urls: string[], bodies: Body[], atOnce: number): Promise<string[]> {
  const acknowledged: string[] = [];
  let next = 0;
  const sender = async (url: string, agent: Agent) => {
    while (next < bodies.length) {
      const { ids, bytes } = bodies[next++]!;
      await postOne(
        url,
        agent,
        ids.length > 1 ? 'application/x-ndjson' : 'application/json',
        bytes,
      );
      for (const id of ids) acknowledged.push(id);
    }
  };
  const agents = urls.map((url) => ({ url, agent: new Agent({ keepAlive: true }) }));
  await Promise.all(
    agents.flatMap(({ url, agent }) => Array.from({ length: atOnce }, () => sender(url, agent))),
  );
  for (const { agent } of agents) agent.destroy();
  return acknowledged;
}

function postOne(url: string, agent: Agent, type: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const sent = request(`${url}/v1/messages`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        response.statusCode === 202 ? resolve() : reject(new Error(`answered ${text}`)),
      );
    });
    sent.on('error', reject).end(body);
  });
}

async function bare({ kafka }: Settings, topic: string, prefix: string): Promise<Rate> {
  const tsx = join(__dirname, '..', 'node_modules', '.bin', 'tsx');
  const file = join(__dirname, 'bare-producer.ts');
  const values = [kafka.brokers.join(','), topic, prefix, String(MESSAGES), String(BYTES)];
  const { stdout } = await promisify(execFile)(tsx, [file, ...values]);
  return JSON.parse(stdout) as Rate;
}

/** Starts `cloudsync api start` of the build. */
async function startApi({ kafka }: Settings, topic: string) {
  const main = join(__dirname, '..', 'dist', 'workers', 'api.js');
  const flags = process.argv.includes('--profile')
    ? ['--cpu-prof', `--cpu-prof-dir=${join('.cloudsync', 'profile')}`]
    : [];
  const child = spawn(process.execPath, [...flags, main], {
    env: {
      ...process.env,
      KAFKA_BROKERS: kafka.brokers.join(','),
      CLOUDSYNC_TOPIC: topic,
      CLOUDSYNC_API_PORT: '0',
      CLOUDSYNC_API_METRICS_PORT: '0',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('"msg":"Started"')) resolve();
    });
    child.once('exit', () => reject(new Error(`the API ended: ${log}`)));
  });
  const [url, metrics] = ['url', 'metrics'].map(
    (field) => new RegExp(`"${field}":"([^"]+)"`).exec(log)![1]!,
  ) as [string, string];
  return {
    url,
    async cpuSeconds() {
      const text = await (await fetch(metrics)).text();
      return Number(/^process_cpu_seconds_total (.+)$/m.exec(text)![1]);
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The number of these ids that are no key of the topic. */
async function missingFrom(settings: Settings, topic: string, ids: string[]): Promise<number> {
  const kafka = createKafka(settings.kafka, logger);
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  const reader = createRecordReader(kafka);
  const found = new Set<string>();
  for (const { partition, low, high } of offsets) {
    for await (const { key } of reader.read(topic, partition, Number(low), Number(high))) {
      found.add(String(key));
    }
  }
  await reader.close();
  return ids.filter((id) => !found.has(id)).length;
}

function print(rows: Row[], check: { acknowledged: number; missing: number }): void {
  const of = (name: string, field: keyof Rate = 'messagesPerSecond') =>
    rows.filter((row) => row.name === name).map((row) => row[field]);
  const spread = (values: number[]) => {
    const sorted = [...values].sort((a, b) => a - b);
    return { min: sorted[0]!, median: quantile(sorted, 0.5), max: sorted.at(-1)! };
  };
  const results = [BARE, ONE, TWO, EACH].map((name) => ({
    name,
    ...spread(of(name)),
    cpuMicrosPerMessage: spread(of(name, 'cpuMicrosPerMessage')).median,
  }));
  const ratioToBare = spread(of(ONE).map((rate, round) => rate / of(BARE)[round]!));
  if (process.argv.includes('--json')) {
    const document = { machine, bytes: BYTES, rows, results, ratioToBare, ...check };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  const cell = (value: number, digits = 0) => value.toFixed(digits).padStart(10);
  process.stdout.write(`${machine}; Kafka, the API and its clients on the same cores\n\n`);
  process.stdout.write(
    `messages/s, ${ROUNDS} rounds`.padEnd(32) + '       min    median       max  us CPU each\n',
  );
  for (const { name, min, median, max, cpuMicrosPerMessage } of results) {
    process.stdout.write(
      `${name.padEnd(32)}${cell(min)}${cell(median)}${cell(max)}${cell(cpuMicrosPerMessage, 1)}\n`,
    );
  }
  const { min, median, max } = ratioToBare;
  process.stdout.write(
    `${'one process / bare kafkajs'.padEnd(32)}${cell(min, 2)}${cell(median, 2)}${cell(max, 2)}\n\n` +
      `${check.acknowledged} messages acknowledged over HTTP, ${check.missing} of them missing on the topic\n`,
  );
}

void main();
