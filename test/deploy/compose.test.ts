import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { LOG_DIRECTORY } from '../../src/cli/commands/dlq/replay-request';
import { loadSettings } from '../../src/settings/config';
import { KAFKA_IMAGE } from '../../src/dev-servers/kafka/kafka-versions';
import { startHealthServer } from '../../src/http/health-server';
import { createMetrics } from '../../src/telemetry/metrics';
import referenceStreams from '../../src/reference/streams/index';
import {
  compose,
  containerEnvironment,
  interpolate,
  ours,
  read,
  ROOT,
  services,
  SINK_ENV_FILES,
} from './support/compose';
import { composeFaults } from './support/compose-schema';
import { expectCommand, healthPort } from './support/program';

/** Some tests start npm or a process of their own. */
jest.setTimeout(60_000);

test('docker-compose.yml matches the schema of the Compose Specification', () => {
  expect(composeFaults(compose)).toEqual([]);
  // The schema is really applied: it refuses a wrong type and an unknown key.
  expect(composeFaults({ services: { kafka: { image: 1 } } })).not.toEqual([]);
  expect(composeFaults({ services: { kafka: { imagine: 'x' } } })).not.toEqual([]);
});

test('docker-compose.yml has the reference application: both streams, topics and their servers', () => {
  const names = Object.keys(compose.services);
  const { kafka } = compose.services;
  const servers = ['kafka', 'temporal', 'temporal-ui', 'kafka-ui', 'prometheus', 'grafana'];
  expect(names).toEqual(expect.arrayContaining([...servers, 'api', 'page', 'worker']));
  expect(kafka!.image).toBe(KAFKA_IMAGE);
  const bridges = ours.filter(([, { command }]) => command?.[0] === 'bridge');
  const streams = referenceStreams(loadSettings({})).map(({ name }) => name);
  expect(bridges.map(([, { command }]) => command!.at(-1))).toEqual(streams);
});

describe.each(SINK_ENV_FILES)('with %s', (sinkEnvFile) => {
  test.each(ours)(
    '%s has settings that loadSettings accepts, and addresses services that exist',
    (_, service) => {
      const env = containerEnvironment(service, sinkEnvFile);
      const settings = loadSettings(env);
      expect(compose.services).toHaveProperty(settings.kafka.brokers[0]!.split(':')[0]!);
      expect(compose.services).toHaveProperty(settings.temporal.connection.address!.split(':')[0]!);
      const namespace = compose.services['temporal-namespace']!.environment!.NAMESPACE;
      expect(settings.temporal.namespace).toBe(namespace);
      // Nobody reads a variable that is neither a setting of CloudSync nor of the SDKs nor of Compose.
      const known =
        /^(CLOUDSYNC_\w+|KAFKA_BROKERS|TEMPORAL_(ADDRESS|NAMESPACE)|AWS_\w+|AZURE_\w+|COMPOSE_PROFILES|SINK_ENV_FILE)$/;
      expect(Object.keys(env).filter((name) => !known.test(name))).toEqual([]);
    },
  );
});

test.each(ours.filter(([, { entrypoint }]) => !entrypoint))(
  '%s runs a command that exists, with options that exist',
  (_, { command = [] }) => expectCommand(command),
);

test.each(ours)(
  '%s runs without privileges, and has time to drain before it is killed',
  (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    // Longer than the deadline in src/lib/lifecycle.ts.
    expect(parseInt(service.stop_grace_period!)).toBeGreaterThan(28);
  },
);

test.each(services)('%s: a pinned image, ports on 127.0.0.1, volumes that exist', (_, service) => {
  expect(service.image).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
  for (const path of service.env_file ?? [])
    expect(existsSync(join(ROOT, interpolate(path)))).toBe(true);
  for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  for (const volume of service.volumes ?? []) {
    const source = volume.split(':')[0]!;
    if (source.startsWith('.')) expect(existsSync(join(ROOT, source))).toBe(true);
    else expect(Object.keys(compose.volumes)).toContain(source);
  }
});

test('no service sets CLOUDSYNC_ENCRYPTION_KEYS in `environment`, which would override the environment file', () => {
  for (const [, { environment = {} }] of services) {
    expect(environment).not.toHaveProperty('CLOUDSYNC_ENCRYPTION_KEYS');
  }
});

test('the service for commands keeps the logs of dlq replay in a volume, as its root file system is read-only', () => {
  const folder = /^WORKDIR (.+)$/m.exec(read('Dockerfile').split('FROM').at(-1)!)![1]!;
  expect(compose.services.cli!.volumes).toContain(`replays:${join(folder, LOG_DIRECTORY)}`);
  // The volume gets the owner of this folder in the image, which is the user that the container runs as.
  const made = /^RUN mkdir --parents (.+) && chown --recursive node:node (.+)$/m;
  const [, folders, owned] = made.exec(read('Dockerfile'))!;
  expect(folders!.split(' ')).toContain(LOG_DIRECTORY);
  expect(owned!.split(' ')).toContain(dirname(LOG_DIRECTORY));
});

test('no two services publish the same port', () => {
  const published = services.flatMap(([, { ports = [] }]) => ports.map((one) => one.split(':')[1]));
  expect(new Set(published).size).toBe(published.length);
});

test.each(services)('%s depends on services that can meet the condition', (_, service) => {
  for (const [name, { condition, required }] of Object.entries(service.depends_on ?? {})) {
    const target = compose.services[name];
    expect(target).toBeDefined();
    // A service of a profile may be required only by services of the same profile.
    if (required === false) expect(target!.profiles).toBeDefined();
    else if (target!.profiles) expect(target!.profiles).toEqual(service.profiles);
    if (condition === 'service_healthy') expect(target!.healthcheck).toBeDefined();
    else expect(condition).toBe('service_completed_successfully');
  }
});

test.each(ours.filter(([, { healthcheck }]) => healthcheck))(
  'the health check of %s asks the port that it listens on',
  (_, service) => {
    const port = healthPort(service.command!, containerEnvironment(service, SINK_ENV_FILES[0]!));
    expect(service.healthcheck!.test.at(-1)).toContain(`http://127.0.0.1:${port}/readyz`);
  },
);

test("a bridge's health check follows /readyz", async () => {
  const faults: Record<string, string> = {};
  const options = { host: '127.0.0.1', port: 0 };
  const health = await startHealthServer(options, createMetrics(), { faults: () => faults });
  const [kind, program, ...args] = compose.services['bridge-aws']!.healthcheck!.test;
  const port = compose.services['bridge-aws']!.environment!.CLOUDSYNC_METRICS_PORT;
  const check = async () => {
    const script = args.map((one) => one.replace(`http://127.0.0.1:${port}`, health.url));
    try {
      await promisify(execFile)(program === 'node' ? process.execPath : program!, script);
      return 0;
    } catch (error) {
      return (error as { code: number }).code;
    }
  };
  try {
    expect(kind).toBe('CMD');
    expect(args.join()).toContain(`:${port}/readyz`);
    expect(await check()).toBe(0);
    faults.consumer = 'has not joined its consumer group';
    expect(await check()).toBe(1);
  } finally {
    await health.close();
  }
  expect(await check()).toBe(1);
});

test('the scripts of the one-shot services are valid shell', async () => {
  for (const script of ['setup-schema.sh', 'create-namespace.sh']) {
    await promisify(execFile)('sh', ['-n', join(ROOT, 'deploy', 'temporal', script)]);
  }
});

test("Temporal's dynamic configuration has values in the form that the server reads", () => {
  const config = parse(read('deploy', 'temporal', 'dynamic-config.yaml')) as Record<
    string,
    unknown
  >;
  for (const [key, values] of Object.entries(config)) {
    expect({ [key]: values }).toEqual({ [key]: [{ value: expect.anything() as unknown }] });
  }
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').replace(/\\\n/g, ' ').split('\n');
  const instructions = lines.filter((line) => /^[A-Z]+ /.test(line));

  test('sets an environment that loadSettings accepts', () => {
    const env = instructions.filter((line) => line.startsWith('ENV ')).join(' ');
    const variables = [...env.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]);
    const settings = loadSettings(Object.fromEntries(variables) as Record<string, string>);
    expect(settings.metricsHost).toBe('0.0.0.0');
  });

  test('copies only files that exist and that .dockerignore lets through', () => {
    const allowed = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path!);
    const copied = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.toSorted()).toEqual(allowed.toSorted());
    for (const path of copied) expect(existsSync(join(ROOT, path))).toBe(true);
  });

  test('it keeps every optional package, at the version of the lock file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloudsync-image-'));
    try {
      const files = ['package.json', 'package-lock.json'];
      for (const file of files) await cp(join(ROOT, file), join(folder, file));
      const run = promisify(execFile);
      const script = instructions.join(' ').match(/node (deploy\/image\/\S+)/)![1]!;
      await run('node', [join(ROOT, script)], { cwd: folder });
      // What `npm prune` leaves, by the same rules. It fails if the lock file does not fit package.json.
      const args = ['ls', '--omit=dev', '--package-lock-only', '--depth=0', '--json'];
      const { stdout } = await run('npm', args, { cwd: folder });
      const { dependencies } = JSON.parse(stdout) as {
        dependencies: Record<string, { version: string }>;
      };
      const { devDependencies, peerDependenciesMeta } = JSON.parse(read('package.json')) as {
        devDependencies: Record<string, string>;
        peerDependenciesMeta: Record<string, unknown>;
      };
      const optional = Object.keys(peerDependenciesMeta);
      expect(optional).toContain('@aws-sdk/client-s3');
      expect(optional.map((name) => [name, dependencies[name]?.version])).toEqual(
        optional.map((name) => [name, devDependencies[name]]),
      );
      expect(Object.keys(dependencies)).not.toContain('jest');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('runs the CLI, not as root', () => {
    expect(instructions.at(-2)).toContain('"node", "dist/cli/main.js"');
    expect(existsSync(join(ROOT, 'src', 'cli', 'main.ts'))).toBe(true);
    expect(instructions).toContain('USER node');
    expect(instructions.find((line) => line.startsWith('RUN npm run build'))).toMatch(
      /keep-optional-packages\.mjs && npm prune --omit=dev/,
    );
  });
});
