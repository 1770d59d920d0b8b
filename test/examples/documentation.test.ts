import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program';
import { loadSettings } from '../../src/settings/config';
import { OPTIONAL_PACKAGES, type OptionalPackage } from '../../src/domain/optional-packages';
import { DEFAULT_RETRY_POLICY } from '../../src/domain/stream/retry-policy';
import { environmentSchema } from '../../src/settings/environment-schema';
import { resolveIdempotencySettings } from '../../src/dedupe/idempotency-settings';
import { CODEC_PACKAGES } from '../../src/codec-server/server';
import { API_PACKAGES } from '../../src/http-producer/server';

const ROOT = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const SETTINGS_TABLES = [
  'Kafka',
  'Temporal',
  'Streams',
  'HTTP producer',
  'Encryption',
  'Processes',
  'Local servers',
];

const documents = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
];

/** The cells of the table rows below a heading, without header and rule. */
function rows(document: string, heading: string): string[][] {
  const section = read(document).split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const code = (cell: string) => /`([^`]+)`/.exec(cell)![1]!;

test('the README contains the quick start example unchanged', () => {
  expect(read('README.md')).toContain(read('examples/quick-start/streams.ts'));
});

test.each(documents)('links of %s lead to files that exist', (document) => {
  const targets = [...read(document).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, to]) => to!);
  const broken = targets.filter((to) => !existsSync(join(ROOT, dirname(document), to)));
  expect(broken).toEqual([]);
});

const SETTINGS = Object.keys(environmentSchema.shape);

test('docs/reference/settings.md lists every variable, and no other', () => {
  const listed = SETTINGS_TABLES.flatMap((heading) =>
    rows('docs/reference/settings.md', heading).map(([name]) => code(name!)),
  );
  expect(listed.toSorted()).toEqual(SETTINGS.toSorted());
});

test.each(documents)('%s names no variable that does not exist', (document) => {
  const named = [...read(document).matchAll(/\bCLOUDSYNC_[A-Z_]+[A-Z]\b/g)].map(([name]) => name);
  expect(named.filter((name) => !SETTINGS.includes(name))).toEqual([]);
});

test('docs/reference/settings.md has the defaults of the code', () => {
  const settings = loadSettings({});
  const idempotency = resolveIdempotencySettings({});
  const defaults = Object.fromEntries(
    SETTINGS_TABLES.flatMap((heading) =>
      rows('docs/reference/settings.md', heading).map(([name, value]) => [
        code(name!),
        value!.replaceAll('`', ''),
      ]),
    ),
  );
  expect(defaults).toMatchObject({
    KAFKA_BROKERS: settings.kafka.brokers.join(),
    KAFKA_CLIENT_ID: settings.kafka.clientId,
    KAFKA_SSL: JSON.stringify(settings.kafka.ssl),
    TEMPORAL_ADDRESS: settings.temporal.connection.address,
    TEMPORAL_NAMESPACE: settings.temporal.namespace,
    CLOUDSYNC_TOPIC: settings.topic,
    CLOUDSYNC_SINK_DIR: settings.sinkDirectory,
    CLOUDSYNC_API_HOST: settings.api.host,
    CLOUDSYNC_API_PORT: String(settings.api.port),
    CLOUDSYNC_API_METRICS_PORT: String(settings.api.metricsPort),
    CLOUDSYNC_API_MAX_BODY_BYTES: String(settings.api.maxBodyBytes),
    CLOUDSYNC_API_MAX_RECORDS: String(settings.api.maxRecords),
    CLOUDSYNC_API_REQUEST_TIMEOUT_MS: String(settings.api.requestTimeoutMs),
    CLOUDSYNC_API_QUEUE_RECORDS: String(settings.api.queueRecords),
    CLOUDSYNC_API_QUEUE_BYTES: String(settings.api.queueBytes),
    CLOUDSYNC_API_LINGER_MS: String(settings.api.lingerMs),
    CLOUDSYNC_API_DELIVERY_TIMEOUT_MS: String(settings.api.deliveryTimeoutMs),
    CLOUDSYNC_CODEC_HOST: settings.codec.host,
    CLOUDSYNC_CODEC_PORT: String(settings.codec.port),
    CLOUDSYNC_CODEC_ORIGINS: settings.codec.origins.join(),
    CLOUDSYNC_SINK: settings.sink,
    CLOUDSYNC_S3_FORCE_PATH_STYLE: String(settings.s3.forcePathStyle),
    CLOUDSYNC_METRICS_PORT: String(settings.metricsPort),
    CLOUDSYNC_METRICS_HOST: settings.metricsHost,
    CLOUDSYNC_LOG_LEVEL: settings.logLevel,
    CLOUDSYNC_STALLED_AFTER_MS: String(settings.stalledAfterMs),
    CLOUDSYNC_TRACING: String(settings.tracing),
    CLOUDSYNC_DEV_DIR: settings.dev.directory,
    CLOUDSYNC_DEV_DOWNLOAD: String(settings.dev.download),
    CLOUDSYNC_RETRY_FAST_ATTEMPTS: String(DEFAULT_RETRY_POLICY.fastAttempts),
    CLOUDSYNC_RETRY_MAX_ATTEMPTS: String(DEFAULT_RETRY_POLICY.maximumAttempts),
    CLOUDSYNC_RETRY_INITIAL_MS: String(DEFAULT_RETRY_POLICY.initialIntervalMs),
    CLOUDSYNC_RETRY_MAX_INTERVAL_MS: String(DEFAULT_RETRY_POLICY.maximumIntervalMs),
    CLOUDSYNC_IDEMPOTENCY_RETENTION_MS: String(idempotency.retentionMs),
    CLOUDSYNC_IDEMPOTENCY_MAX_ENTRIES: String(idempotency.maxEntries),
    CLOUDSYNC_IDEMPOTENCY_CLEANUP_INTERVAL_MS: String(idempotency.cleanupIntervalMs),
    CLOUDSYNC_IDEMPOTENCY_LOCK_TIMEOUT_MS: String(idempotency.lockTimeoutMs),
    CLOUDSYNC_IDEMPOTENCY_STATISTICS: String(idempotency.statistics),
    CLOUDSYNC_IDEMPOTENCY_DETAILED_LOGGING: String(idempotency.detailedLogging),
  });
});

test('docs/reference/packages.md has every optional package, and the versions of package.json', () => {
  const { peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(
    read('package.json'),
  ) as Record<string, Record<string, string>>;
  const optional = Object.keys(peerDependenciesMeta!);
  const commands = rows('docs/reference/packages.md', 'Optional packages').map((row) => row[2]!);
  const installed = commands.map((cell) => code(cell).split(' ').slice(2));
  const withVersions = (names: readonly OptionalPackage[]) =>
    names.map((name) => `${name}@${OPTIONAL_PACKAGES[name]}`);
  expect(new Set(installed.flat())).toEqual(
    new Set(withVersions(Object.keys(OPTIONAL_PACKAGES) as OptionalPackage[])),
  );
  expect(installed).toContainEqual(withVersions(API_PACKAGES));
  expect(installed).toContainEqual(withVersions(CODEC_PACKAGES));
  const versions = rows('docs/reference/packages.md', 'Versions').filter(
    ([name]) => code(name!) !== 'zod',
  );
  expect(versions.map(([name, range, tested]) => [code(name!), code(range!), tested])).toEqual(
    optional.map((name) => [name, peerDependencies![name], devDependencies![name]]),
  );
});

test('docs/reference/commands.md lists every command, and no other', () => {
  const leaves = (command: Command, path: string[]): string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((one) => leaves(one, [...path, one.name()]));
  const listed = rows('docs/reference/commands.md', 'Commands').map(([name]) => code(name!));
  expect(listed).toEqual(leaves(createProgram(), []));
});

test('docs/guides/production.md lists every alert with its severity, and no other', () => {
  const rules = read('deploy/prometheus/rules.yml');
  const alerts = [...rules.matchAll(/alert: (\w+)[^]*?severity: (\w+)/g)];
  const listed = rows('docs/guides/production.md', 'Alerts').map(([name, severity]) => {
    return [/\[(\w+)\]/.exec(name!)![1], severity];
  });
  expect(listed).toEqual(alerts.map(([, name, severity]) => [name, severity]));
});

test('docs/why/design.md names files that exist', () => {
  const paths = rows('docs/why/design.md', 'Files').flatMap(([cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!),
  );
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('CONTRIBUTING.md names files that exist', () => {
  const paths = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|scripts)\/[^`*]+)`/g)];
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.map(([, path]) => path!).filter((path) => !existsSync(join(ROOT, path)))).toEqual(
    [],
  );
});

test.each([
  ['docs/why/guarantees.md', 20],
  ['docs/why/kafkajs.md', 20],
  ['docs/why/reports.md', 3],
  ['docs/why/cases.md', 14],
])('%s names tests that exist', (page, atLeast) => {
  const named = [...read(page).matchAll(/`(test\/\S+\.ts)` "([^"]+)"/g)];
  expect(named.length).toBeGreaterThan(atLeast);
  const paths = [...read(page).matchAll(/`(test\/[^`]+\.ts)`/g)].map(([, path]) => path!);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const hasTitle = (path: string, title: string) => {
    const text = read(path).replaceAll('\\', '');
    return [`'${title}'`, `"${title}"`].some((quoted) => text.includes(quoted));
  };
  const missing = named.filter(([, path, title]) => !hasTitle(path!, title!));
  expect(missing.map(([name]) => name)).toEqual([]);
});
