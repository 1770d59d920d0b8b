import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { partitionOf } from '../../../src/kafka/producer/murmur2';
import { loadSettings } from '../../../src/settings/config';
import { createApi, type ApiOptions, type ApiService } from '../../../src/processes/create-api';
import { freePort, startKafka, userCacheDirectory } from '../../../src/dev-servers';
import { parseRecord } from '../../../src/domain/workflow/parse';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { createLogger } from '../../../src/telemetry/logger';
import { messageValue, uniqueName, until, World } from '../support/world';

jest.setTimeout(240_000);

const PARTITIONS = 4;
const NDJSON = 'application/x-ndjson';
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const logger = createLogger('silent');

let world: World;
let apis: ApiService[];
beforeEach(() => {
  world = new World();
  apis = [];
});
afterEach(async () => {
  await Promise.all(apis.map((api) => api.stop()));
  await world.close();
});

async function start(
  streams: AnyStream[],
  env: NodeJS.ProcessEnv = {},
  of: World = world,
): Promise<ApiService> {
  const { api } = loadSettings({ CLOUDSYNC_API_PORT: '0', ...env });
  const options: ApiOptions = { kafka: of.settings.kafka, streams, api, logger };
  const service = await createApi(options);
  apis.push(service);
  return service;
}

interface Answer {
  status: number;
  body: { accepted?: number; rejected?: { index: number; code: string }[]; detail?: string };
}
async function post(
  { url }: { url: string },
  body: string | Buffer,
  type = NDJSON,
  given: Record<string, string> = {},
): Promise<Answer> {
  const headers = { 'content-type': type, ...given };
  const bytes = new Uint8Array(Buffer.from(body));
  const response = await fetch(`${url}/v1/messages`, { method: 'POST', body: bytes, headers });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const lines = (ids: string[]) => ids.map((id) => `${messageValue(id).toString()}\n`).join('');

test('messages of every content type reach the topic with their bytes, key, partition and trace', async () => {
  const { stream } = await world.stream({ partitions: PARTITIONS });
  const api = await start([stream]);
  const odd =
    '{"id":"odd", "type":"t","occurredAt":"2026-01-01T00:00:00Z","payload":1.0, "n":12345678901234567890,"n":2}';
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't', data: { a: 1 } };
  const trace = { traceparent: TRACE, tracestate: 'k=v' };
  const own = TRACE.replaceAll('a', 'c');
  const answers = [
    await post(api, `${odd}\r\n\n${messageValue('b').toString()}`, NDJSON, trace),
    await post(api, odd.replace('odd', 'one'), 'application/json'),
    await post(
      api,
      `[${odd.replace('odd', 'first')} , ${odd.replace('odd', 'second')}]`,
      'application/json',
    ),
    await post(api, JSON.stringify(event), 'application/cloudevents+json', trace),
    await post(
      api,
      JSON.stringify([{ ...event, id: '2', traceparent: own }]),
      'application/cloudevents-batch+json',
      trace,
    ),
    await post(api, '{"a": 1}', 'application/json', {
      ...{ 'ce-specversion': '1.0', 'ce-id': '3', 'ce-source': '/s', 'ce-type': 't' },
    }),
    await post(api, gzipSync(lines(['packed'])), NDJSON, { 'content-encoding': 'gzip' }),
  ];
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));

  const records = await world.records(stream.topic);
  const byKey = new Map(records.map((record) => [String(record.key), record]));
  const values = (key: string) => String(byKey.get(key)?.value);
  expect([...byKey.keys()].sort()).toEqual(
    ['odd', 'b', 'one', 'first', 'second', '/s|1', '/s|2', '/s|3', 'packed'].sort(),
  );
  expect(values('odd')).toBe(odd);
  for (const id of ['one', 'first', 'second']) expect(values(id)).toBe(odd.replace('odd', id));
  expect(JSON.parse(values('/s|1'))).toMatchObject({ source: '/s', payload: { a: 1 } });
  for (const record of records) {
    expect(parseRecord(stream, record)).toMatchObject({ ok: true, messageId: String(record.key) });
    expect(record.partition).toBe(partitionOf(record.key!, PARTITIONS));
  }
  const headers = (key: string) =>
    Object.fromEntries(byKey.get(key)!.headers.map(([name, value]) => [name, String(value)]));
  expect(headers('odd')).toEqual(trace);
  expect(headers('one')).toEqual({});
  expect(headers('/s|1')).toEqual(trace);
  expect(headers('/s|2')).toEqual({ traceparent: own });
});

test('a message is sent to the partition that other producers choose for its id', async () => {
  const { stream } = await world.stream({ partitions: PARTITIONS });
  const api = await start([stream]);
  const ids = Array.from({ length: 200 }, (_, i) => `id-${i}`);
  await post(api, lines(ids));
  await world.send(
    stream.topic,
    ids.map((id) => ({ key: id, value: messageValue(id) })),
  );
  const partitions = new Map<string, Set<number>>();
  for (const { key, partition } of await world.records(stream.topic)) {
    partitions.set(String(key), (partitions.get(String(key)) ?? new Set()).add(partition));
  }
  expect([...partitions.values()].map(({ size }) => size)).toEqual(ids.map(() => 1));
});

test('only the record that the topic refuses is rejected', async () => {
  const { stream } = await world.stream();
  await world.setTopicConfig(stream.topic, 'max.message.bytes', '20000');
  const api = await start([stream]);
  const large = messageValue('large', 'x'.repeat(20_000)).toString();
  const many = lines(Array.from({ length: 300 }, (_, i) => `m${i}`));
  const { status, body } = await post(api, `${large}\n${many}`, NDJSON, {
    traceparent: TRACE,
    tracestate: 'x'.repeat(512),
  });
  expect(status).toBe(207);
  expect(body).toMatchObject({ accepted: 300, rejected: [{ index: 0, code: 'RecordTooLarge' }] });
  expect(await world.records(stream.topic)).toHaveLength(300);
});

test('the HTTP producer reports wrong options before it listens', async () => {
  const [{ stream: one }, { stream: two }] = [await world.stream(), await world.stream()];
  await expect(start([one, two])).rejects.toThrow('choose with --stream');
  await expect(start([{ ...one, topic: uniqueName('none') }])).rejects.toThrow(
    '"cloudsync topics create" makes the topics of the streams',
  );
  await expect(start([one], { CLOUDSYNC_API_HOST: '0.0.0.0' })).rejects.toThrow(
    'CLOUDSYNC_API_TOKENS is needed',
  );
  const port = new URL((await start([one])).url).port;
  await expect(start([one], { CLOUDSYNC_API_PORT: port })).rejects.toThrow(
    `port ${port} is taken: set CLOUDSYNC_API_PORT`,
  );
});

test('no acknowledged message is lost, and no request hangs, while the broker is away', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-api-'));
  const cacheDirectory = userCacheDirectory(process.env);
  const [port, progress] = [await freePort(), () => undefined];
  const broker = () => startKafka({ directory, cacheDirectory, progress, port, heap: '512m' });
  let kafka = await broker();
  const own = new World({ KAFKA_BROKERS: kafka.address });
  try {
    const { stream } = await own.stream({ partitions: PARTITIONS });
    const api = await start([stream], { CLOUDSYNC_API_DELIVERY_TIMEOUT_MS: '20000' }, own);
    const impatient = await start([stream], { CLOUDSYNC_API_DELIVERY_TIMEOUT_MS: '500' }, own);
    const acknowledged = [...(await sendOne(api, 'before'))];
    await kafka.kill();

    const refused = await post(impatient, lines(['refused']));
    expect(refused).toMatchObject({ status: 503 });
    await until('not ready', () => Object.keys(impatient.faults()).length > 0);
    const waiting = sendOne(api, 'during');
    await sleep(1_000);
    kafka = await broker();
    acknowledged.push(...(await waiting));
    await until('accepted again', async () => {
      const ids = await sendOne(api, uniqueName('after'));
      acknowledged.push(...ids);
      return ids.length > 0;
    });
    await until('ready again', () => Object.keys(api.faults()).length === 0);
    const keys = (await own.records(stream.topic)).map(({ key }) => String(key));
    expect(acknowledged.length).toBeGreaterThan(1);
    expect(acknowledged.filter((id) => !keys.includes(id))).toEqual([]);
  } finally {
    await Promise.all(apis.splice(0).map((api) => api.stop()));
    await own.close();
    await kafka.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

/** Sends one message. Resolves with its id if it was acknowledged. */
async function sendOne(api: { url: string }, id: string): Promise<string[]> {
  const { status } = await post(api, lines([id]));
  expect([202, 503]).toContain(status);
  return status === 202 ? [id] : [];
}

test('every acknowledged message is on the topic, and every accepted request is answered, on SIGTERM under load', async () => {
  const topic = uniqueName('topic');
  const [{ stream }] = [await world.stream({ topic, partitions: PARTITIONS })];
  const main = join(__dirname, '..', '..', '..', 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, 'api', 'start'], {
    env: {
      ...process.env,
      CLOUDSYNC_TOPIC: topic,
      CLOUDSYNC_API_PORT: '0',
      CLOUDSYNC_API_METRICS_PORT: '0',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  await until('started', () => log.includes('"msg":"Started"') || child.exitCode !== null);
  const url = /"url":"([^"]+)"/.exec(log)![1]!;

  const acknowledged: string[] = [];
  const statuses = new Set<number>();
  const client = async (name: string) => {
    for (let n = 0; ; n++) {
      const ids = Array.from({ length: 20 }, (_, i) => `${name}-${n}-${i}`);
      try {
        const { status } = await post({ url }, lines(ids));
        statuses.add(status);
        if (status === 202) acknowledged.push(...ids);
      } catch (error) {
        // An idle connection may be closed. The check below finds a connection that ends in the middle of a request.
        const { code } = (error as { cause?: { code?: string } }).cause ?? {};
        if (code === 'ECONNREFUSED') return;
      }
    }
  };
  const clients = Array.from({ length: 8 }, (_, i) => client(`c${i}`));
  await until('under load', () => acknowledged.length > 2_000);
  child.kill('SIGTERM');
  await Promise.all(clients);
  expect((await exited)[0]).toBe(0);
  expect([...statuses]).toEqual([202]);
  const keys = (await world.records(stream.topic)).map(({ key }) => String(key));
  expect(keys.sort()).toEqual(acknowledged.sort());
});
