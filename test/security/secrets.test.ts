import { execFile } from 'node:child_process';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createKafka, withAdmin } from '../../src/kafka/kafka';
import { loadSettings } from '../../src/settings/config';
import { errorWithCause } from '../../src/domain/errors';
import type { Sink } from '../../src/domain/stream/sink';
import { createLogger } from '../../src/telemetry/logger';
import { azureBlobSink } from '../../src/sinks/object-store/azure-blob';
import { httpSink } from '../../src/sinks/http/http';
import { s3Sink } from '../../src/sinks/object-store/s3';
import { startTracing } from '../../src/telemetry/start-tracing';
import { write } from '../sinks/support/write';
import { CANARY, sightings } from './support/canary';
import {
  brokerThatRefusesLogins,
  closedPort,
  fakeHttp,
  type FakeServer,
} from './support/fake-servers';

jest.setTimeout(60_000);

const ROOT = join(__dirname, '..', '..');
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** A key of 32 bytes that contains the canary. */
const KEY = base64(CANARY.padEnd(32, 'x'));

/** A logger with all levels, and its output. */
function recorded() {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  return { logger: createLogger('trace', stream), text: () => text };
}

/** The error in every form in which CloudSync shows errors. */
function shown(error: unknown): string {
  const { logger, text } = recorded();
  logger.error({ err: error }, 'failed');
  logger.error({ error }, 'failed');
  return text() + errorWithCause(error);
}

describe('sightings finds the canary', () => {
  test.each([
    CANARY,
    `AccountKey=${base64(CANARY)};`,
    base64(`\0user\0${CANARY}`),
    `?sig=${encodeURIComponent(CANARY)}`,
  ])('in %s', (text) => expect(sightings(`before ${text} after`)).not.toEqual([]));
});

test('the log has only type, message, stack and code of an error and of its causes', () => {
  const cause = Object.assign(new Error('refused'), { headers: { authorization: CANARY } });
  const error = Object.assign(new Error('failed', { cause }), {
    code: 'E1',
    config: { auth: { password: CANARY } },
    request: { path: `/?sig=${CANARY}` },
  });
  const text = shown(error);
  expect(sightings(text)).toEqual([]);
  expect(text).toContain('failed: refused');
  expect(text).toContain('"code":"E1"');
  expect(sightings(shown({ password: CANARY }))).toEqual([]);
  expect(sightings(shown({ message: 'odd', password: CANARY }))).toEqual([]);
});

describe('an error about a wrong setting does not show its value', () => {
  test.each([
    { KAFKA_BROKERS: `user:${CANARY}@broker:9092` },
    { KAFKA_BROKERS: `${CANARY}@broker:9092` },
    { KAFKA_SASL_MECHANISM: CANARY },
    { KAFKA_SASL_PASSWORD: CANARY },
    { TEMPORAL_ADDRESS: `https://user:${CANARY}@temporal:7233` },
    { AZURE_STORAGE_CONNECTION_STRING: `AccountName=a;AccountKey=${CANARY}` },
    { CLOUDSYNC_AZURE_ACCOUNT_URL: `http://a.example/${CANARY}` },
    { CLOUDSYNC_AZURE_ACCOUNT_URL: `https://user:${CANARY}@a.example` },
    { CLOUDSYNC_API_TOKENS: CANARY },
    { CLOUDSYNC_CODEC_TOKENS: CANARY },
    { CLOUDSYNC_CODEC_ORIGINS: `https://user:${CANARY}@ui.example` },
    { CLOUDSYNC_ENCRYPTION_KEYS: KEY },
    { CLOUDSYNC_ENCRYPTION_KEYS: `a:${KEY.slice(1)}` },
    { CLOUDSYNC_ENCRYPTION_KEYS: `a:${KEY},a:${KEY}` },
    { CLOUDSYNC_FAULTS: CANARY },
  ])('in an environment variable: %#', (env: Record<string, string>) => {
    let message = '';
    try {
      loadSettings(env);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(Object.keys(env)[0]!.split('_')[0]!);
    expect(sightings(message)).toEqual([]);
  });

  test.each([`api_key = "${CANARY}`, `api_key = ${CANARY}`, `[profile.default]\n${CANARY}`])(
    'in a profile file: %#',
    async (line) => {
      const folder = await mkdtemp(join(tmpdir(), 'cloudsync-profile-'));
      try {
        const file = join(folder, 'temporal.toml');
        await writeFile(file, `[profile.default]\naddress = "a:1"\n${line}\n`);
        const load = () => loadSettings({ TEMPORAL_CONFIG_FILE: file });
        expect(load).toThrow(/TEMPORAL_\*: Invalid TOML/);
        expect(load).not.toThrow(CANARY);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  test.each([
    { secret: `whsec_${CANARY}` },
    { headers: { authorization: `Bearer ${CANARY}\n` } },
    { url: `https://user:${CANARY}@hooks.example` },
    { url: `ftp://hooks.example/${CANARY}` },
  ])('in an option of the HTTP sink: %#', (option) => {
    const make = () => httpSink({ url: 'https://hooks.example', ...option });
    expect(make).toThrow(/httpSink/);
    expect(make).not.toThrow(CANARY);
  });
});

describe('errors of clients do not show the canary:', () => {
  let servers: FakeServer[] = [];
  const started = async (server: Promise<FakeServer>) => {
    servers.push(await server);
    return servers.at(-1)!.port;
  };
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()));
    servers = [];
  });

  test('a broker that refuses the login', async () => {
    const { logger, text } = recorded();
    const port = await started(brokerThatRefusesLogins());
    const { kafka: settings } = loadSettings({
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'user',
      KAFKA_SASL_PASSWORD: CANARY,
    });
    const kafka = createKafka(settings, logger, { initialRetryTime: 1, retries: 1 });
    const error = await withAdmin(kafka, (admin) => admin.listTopics()).catch((e: unknown) => e);
    const all = text() + shown(error);
    expect(all).toContain('Authentication failed');
    expect(sightings(all)).toEqual([]);
  });

  const refusal = (_: unknown, response: { writeHead(status: number): { end(x: string): void } }) =>
    response
      .writeHead(403)
      .end(
        '<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>',
      );
  const sinks: [string, (port: number) => Sink][] = [
    [
      'S3',
      (port) =>
        s3Sink({
          bucket: 'b',
          forcePathStyle: true,
          clientConfig: {
            endpoint: `http://127.0.0.1:${port}`,
            region: 'r',
            credentials: { accessKeyId: 'id', secretAccessKey: CANARY, sessionToken: CANARY },
          },
        }),
    ],
    [
      'Azure, by a connection string',
      (port) =>
        azureBlobSink({
          container: 'c',
          connectionString: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${base64(CANARY)};BlobEndpoint=http://127.0.0.1:${port}/a`,
        }),
    ],
    [
      'Azure, by a signature',
      (port) =>
        azureBlobSink({ container: 'c', accountUrl: `http://127.0.0.1:${port}/a?sig=${CANARY}` }),
    ],
    [
      'HTTP',
      (port) =>
        httpSink({
          url: `http://127.0.0.1:${port}/hook?token=${CANARY}`,
          headers: { authorization: `Bearer ${CANARY}` },
          secret: `whsec_${KEY}`,
        }),
    ],
  ];
  test.each(sinks)('%s', async (_, sinkAt) => {
    const ports = [await started(fakeHttp(refusal)), await closedPort()];
    for (const port of ports) {
      const sink = sinkAt(port);
      const error: unknown = await write(sink).then(
        () => expect('written').toBe('failed'),
        (e: unknown) => e,
      );
      const all = shown(error) + JSON.stringify(sink.classify?.(error));
      expect(sightings(all)).toEqual([]);
      await sink.close?.();
    }
  });

  test('an endpoint for spans', async () => {
    const { logger, text } = recorded();
    const before = { ...process.env };
    const port = await started(fakeHttp((_, response) => response.writeHead(401).end()));
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://user:${CANARY}@127.0.0.1:${port}`;
    process.env.OTEL_EXPORTER_OTLP_HEADERS = `authorization=Bearer ${CANARY},${CANARY}`;
    try {
      const { tracing, stop } = await startTracing(logger);
      await tracing.send('topic', undefined).around(() => Promise.resolve());
      await stop();
      expect(text()).toContain('Unauthorized');
      expect(sightings(text())).toEqual([]);
    } finally {
      process.env = before;
    }
  });
});

describe('commands without servers do not show any secret', () => {
  const COMMANDS: [expected: string, ...args: string[]][] = [
    ["can't reach Temporal", 'status'],
    ["can't reach Kafka", 'api', 'start'],
    ["can't reach Temporal", 'bridge', 'start'],
    ['--api must be', 'scenarios', '--yes', '--api', `http://user:${CANARY}@127.0.0.1:1`],
    ['CLOUDSYNC_CODEC_TOKENS is needed', 'codec', 'start'],
  ];
  test.each(COMMANDS)('%s: %s', async (expected, ...args) => {
    const port = await closedPort();
    const env: Record<string, string> = {
      ...(process.env.PATH && { PATH: process.env.PATH }),
      CLOUDSYNC_LOG_LEVEL: 'trace',
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'user',
      KAFKA_SASL_PASSWORD: CANARY,
      TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
      TEMPORAL_API_KEY: CANARY,
      TEMPORAL_GRPC_META_X_SECRET: CANARY,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: CANARY,
      AWS_SESSION_TOKEN: CANARY,
      AZURE_STORAGE_CONNECTION_STRING: `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${base64(CANARY)};EndpointSuffix=localhost`,
      CLOUDSYNC_SINK: 'cloud',
      CLOUDSYNC_S3_BUCKET: 'b',
      CLOUDSYNC_AZURE_CONTAINER: 'c',
      CLOUDSYNC_API_TOKEN: CANARY,
      CLOUDSYNC_ENCRYPTION_KEYS: `k:${KEY}`,
      CLOUDSYNC_CODEC_HOST: '203.0.113.1',
      CLOUDSYNC_METRICS_PORT: '0',
      CLOUDSYNC_API_METRICS_PORT: '0',
      CLOUDSYNC_TRACING: 'true',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}`,
    };
    const main = join(ROOT, 'dist', 'cli', 'main.js');
    const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
      execFile(process.execPath, [main, ...args], { env, cwd: tmpdir() }, (error, stdout, stderr) =>
        resolve({ code: error?.code, output: stdout + stderr }),
      );
    });
    expect(code).toBeGreaterThan(0);
    expect(output).toContain('cloudsync: ');
    expect(output).toContain(expected);
    expect(sightings(output)).toEqual([]);
  });
});
