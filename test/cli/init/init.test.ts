import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { nextCommands, writeProject } from '../../../src/cli/init/init';
import { KAFKA_IMAGE } from '../../../src/dev-servers/kafka/kafka-versions';
import { TEMPORAL_CLI_VERSION } from '../../../src/dev-servers/temporal/provision-temporal';
import { temporalArguments } from '../../../src/dev-servers/temporal/temporal-server';
import { UsageError } from '../../../src/domain/errors';
import { loadSettings } from '../../../src/settings/config';
import { compose as ownCompose, type Service } from '../../deploy/support/compose';
import { composeFaults } from '../../deploy/support/compose-schema';
import { expectCommand } from '../../deploy/support/program';

jest.setTimeout(120_000);

const ROOT = join(__dirname, '..', '..', '..');
const ALL = [
  ...['package.json', 'tsconfig.json', 'streams.ts', 'streams.test.ts', 'payments.ndjson'],
  ...['docker-compose.yml', '.gitignore', 'README.md'],
];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloudsync-init-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const read = (file: string) => readFileSync(join(directory, file), 'utf8');
const json = (text: string) => JSON.parse(text) as { [name: string]: Record<string, string> };

/** What `npm install` would leave, from what this checkout has. */
function install(): void {
  const modules = join(directory, 'node_modules');
  mkdirSync(modules);
  symlinkSync(ROOT, join(modules, 'cloudsync'));
  for (const name of ['zod', 'tsx', 'typescript', '@types', '.bin']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
}

async function npm(...args: string[]): Promise<{ code: number; output: string }> {
  const options = { cwd: directory };
  return promisify(execFile)('npm', args, options).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, output: error.stdout }),
  );
}

test('init makes the folder, and writes all files into it', async () => {
  const folder = join(directory, 'a', 'b');
  expect(await writeProject(folder)).toEqual({ directory: folder, written: ALL, kept: [] });
  expect(readdirSync(folder).sort()).toEqual([...ALL].sort());
});

test.each([
  ['a/b', 'cd a/b'],
  ["it's mine", "cd 'it'\\''s mine'"],
  ['-', 'cd ./-'],
  ['-my app', "cd './-my app'"],
])('the next command for the folder %s is %s', (folder, command) => {
  expect(nextCommands({ directory: folder, written: [], kept: [] })[0]).toBe(command);
});

test('the written test passes at once, and the compiler accepts the written files', async () => {
  await writeProject(directory);
  install();
  expect(await npm('run', 'typecheck')).toMatchObject({ code: 0 });
  expect(await npm('test')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/pass 4\n[^]*fail 0\n/) as string,
  });
});

test('the written test fails if the stream takes what it must not take', async () => {
  await writeProject(directory);
  install();
  writeFileSync(join(directory, 'streams.ts'), read('streams.ts').replace('.positive()', ''));
  expect(await npm('test')).toMatchObject({
    code: 1,
    output: expect.stringContaining('not ok 4') as string,
  });
});

test.each(['streams.ts', 'streams.mjs', 'streams.test.ts', 'payments.ndjson', 'compose.yaml'])(
  'init writes nothing if the folder has %s',
  async (file) => {
    writeFileSync(join(directory, file), 'mine');
    await expect(writeProject(directory)).rejects.toThrow(UsageError);
    await expect(writeProject(directory)).rejects.toThrow(
      `nothing is written, as ${directory} has ${file}: move what is in the way, or name another`,
    );
    expect(readdirSync(directory)).toEqual([file]);
    expect(read(file)).toBe('mine');
  },
);

test('init keeps files of a project, and says what they need, if the folder has them', async () => {
  const own = ['package.json', 'tsconfig.json', '.gitignore', 'README.md'];
  for (const file of own) writeFileSync(join(directory, file), 'mine');
  const { written, kept } = await writeProject(directory);
  expect(written).toEqual(ALL.filter((file) => !own.includes(file)));
  expect(kept.map(({ file }) => file)).toEqual(own);
  expect(kept[0]!.todo).toContain('npm install cloudsync zod');
  for (const file of own) expect(read(file)).toBe('mine');
});

test('init names the folder and the reason if a file is in its place', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, 'mine');
  await expect(writeProject(file)).rejects.toThrow(
    /^can't make the folder .*file: EEXIST.*; name another folder with "cloudsync init DIR"$/,
  );
  await expect(writeProject(join(file, 'below'))).rejects.toThrow(UsageError);
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('init fails, and does not try for ever, if the system refuses the folder', async () => {
  await expect(writeProject('/proc/cloudsync/project')).rejects.toThrow(/^can't make the folder/);
});

test('package.json names the versions that the package itself is tested with', async () => {
  await writeProject(directory);
  const { dependencies, devDependencies, engines } = json(read('package.json'));
  const own = json(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { version } = own as unknown as { version: string };
  expect(engines).toEqual(own.engines);
  expect(dependencies).toEqual({ cloudsync: `^${version}`, zod: own.peerDependencies!.zod });
  const tested = { ...own.dependencies, ...own.devDependencies };
  for (const [name, range] of Object.entries(devDependencies!)) {
    expect([name, range]).toEqual([name, `^${tested[name]}`]);
  }
});

test('init writes the stream of the quick start', async () => {
  await writeProject(directory);
  for (const file of ['streams.ts', 'payments.ndjson']) {
    expect(read(file)).toBe(readFileSync(join(ROOT, 'examples', 'quick-start', file), 'utf8'));
  }
});

test('the written README names commands and files that exist', async () => {
  await writeProject(directory);
  const text = read('README.md');
  const commands = [...text.matchAll(/npx cloudsync ([^#;&`\n]+)/g)].map(([, words]) =>
    words!.trim().split(/ +/),
  );
  expect(commands.length).toBeGreaterThan(6);
  for (const words of commands) expectCommand(words);
  const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, to]) => to!);
  const missing = links.filter((to) => {
    const [, inPackage] = /^node_modules\/cloudsync\/(.*)/.exec(to) ?? [];
    return !existsSync(inPackage ? join(ROOT, inPackage) : join(directory, to));
  });
  expect(missing).toEqual([]);
});

describe('the Compose file', () => {
  const file = readFileSync(join(ROOT, 'templates', 'stream', 'docker-compose.yml'), 'utf8');
  const compose = parse(file) as {
    services: Record<'kafka' | 'temporal', Service>;
    volumes: object;
  };
  const { kafka, temporal } = compose.services;

  test('matches the schema of the Compose Specification', () => {
    expect(composeFaults(compose)).toEqual([]);
  });

  test('has both servers at the addresses that commands take by default', () => {
    const settings = loadSettings({});
    const port = (address: string) => `${address}:${address.split(':')[1]}`;
    expect(kafka.ports).toEqual([port(settings.kafka.brokers[0]!)]);
    expect(temporal.ports).toEqual([
      port(settings.temporal.connection.address!),
      port('127.0.0.1:8233'),
    ]);
    expect(kafka.environment!.KAFKA_ADVERTISED_LISTENERS).toBe(
      `PLAINTEXT://${settings.kafka.brokers[0]}`,
    );
  });

  test('has the versions of dev up, and a volume for the data of each server', () => {
    expect(kafka.image).toBe(KAFKA_IMAGE);
    expect(temporal.image).toBe(`temporalio/temporal:${TEMPORAL_CLI_VERSION}`);
    const volumes = [kafka, temporal].flatMap((one) => one.volumes!.map((to) => to.split(':')[0]));
    expect(volumes).toEqual(Object.keys(compose.volumes));
  });

  test('sets up Kafka as the Compose file of the reference application does, listeners apart', () => {
    const others = (environment: object) =>
      Object.entries(environment).filter(([name]) => !/LISTENER|VOTERS/.test(name));
    expect(others(kafka.environment!)).toEqual(others(ownCompose.services.kafka!.environment!));
  });

  test('starts Temporal with options that dev up gives it, too', () => {
    const given = temporalArguments(7233, 8233).map((argument) =>
      argument.replace('127.0.0.1', '0.0.0.0').replace('temporal.db', '/home/temporal/temporal.db'),
    );
    expect(given).toEqual(expect.arrayContaining(temporal.command!));
    // A value stands behind its option.
    const pairs = (words: string[]) => words.map((word, index) => `${word} ${words[index + 1]}`);
    const options = pairs(temporal.command!).filter((pair) => pair.startsWith('--'));
    expect(pairs(given)).toEqual(expect.arrayContaining(options));
  });
});
