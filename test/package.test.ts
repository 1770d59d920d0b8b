import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { productionPackages, type LockedPackage } from '../scripts/locked-packages';

jest.setTimeout(300_000);

const ROOT = join(__dirname, '..');
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string } | string>;
  peerDependenciesMeta: Record<string, unknown>;
};
const { required, optional } = productionPackages(ROOT);
const run = promisify(execFile);

/** A project of a user, into which the packed package is installed. */
let project: string;
/** What `npm publish` would take, by path. */
let files: string[];

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'cloudsync-package-'));
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', project];
  const { stdout } = await run('npm', pack, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  const installed = join(project, 'node_modules', 'cloudsync');
  await mkdir(installed, { recursive: true });
  const unpack = ['-xzf', join(project, packed.filename), '-C', installed, '--strip-components=1'];
  await run('tar', unpack);
  await link(required);
});

afterAll(() => rm(project, { recursive: true }));

/** Has the project find these packages, as if npm had installed them. They are those of the checkout. */
async function link(packages: Map<string, LockedPackage>): Promise<void> {
  const top = [...packages.keys()].filter((path) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path));
  for (const path of top.filter((path) => existsSync(join(ROOT, path)))) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await symlink(join(ROOT, path), join(project, path));
  }
}

test('npm install cloudsync zod installs at most 200 packages', () => {
  const isForLinux = ({ os = ['linux'], cpu = ['x64'], libc = ['glibc'] }: LockedPackage) =>
    os.includes('linux') && cpu.includes('x64') && libc.includes('glibc');
  const packages = [...required.values()].filter(isForLinux);
  expect(packages.length).toBeGreaterThan(100);
  expect(packages.length).toBeLessThanOrEqual(200);
});

test('the package has every file that its README links to', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(20);
  const isThere = (link: string) =>
    files.some((file) => file === link || file.startsWith(`${link.replace(/\/$/, '')}/`));
  expect(links.filter((link) => !isThere(link))).toEqual([]);
});

test('the package has no pictures, which nobody sees in node_modules', () => {
  expect(files.filter((file) => /\.(png|jpe?g)$/.test(file))).toEqual([]);
});

test('the package has the files that cloudsync init writes', () => {
  const folder = 'templates/stream';
  const templates = readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`);
  expect(templates.length).toBeGreaterThan(5);
  expect(files).toEqual(expect.arrayContaining(templates));
});

test.each([
  ['node10', { moduleResolution: ts.ModuleResolutionKind.Node10 }],
  ['node16', { moduleResolution: ts.ModuleResolutionKind.Node16 }],
  ['bundler', { moduleResolution: ts.ModuleResolutionKind.Bundler }],
])('TypeScript finds the types of every entry under moduleResolution %s', (_, options) => {
  const entries = Object.entries(MANIFEST.exports).filter(([, entry]) => typeof entry === 'object');
  expect(entries.length).toBe(5);
  for (const [path, entry] of entries) {
    const name = path.replace('.', 'cloudsync');
    const { resolvedModule } = ts.resolveModuleName(
      name,
      join(project, 'streams.ts'),
      options,
      ts.sys,
    );
    const { types } = entry as { types: string };
    expect(resolvedModule?.resolvedFileName).toBe(join(project, 'node_modules/cloudsync', types));
  }
});

const STRICT: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  types: ['node'],
};

/**
 * What the compiler of a user says of the files and of the package's declarations, which must need no package that is not
 * installed. Declarations of other packages are not checked. Compiles the files if there is nothing to say.
 */
function compile(paths: string[], options: ts.CompilerOptions): string[] {
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => project;
  const program = ts.createProgram(paths, { ...STRICT, ...options }, host);
  const checked = program
    .getSourceFiles()
    .filter(({ fileName }) => paths.includes(fileName) || fileName.includes('/cloudsync/dist/'));
  const found = [
    ...program.getOptionsDiagnostics(),
    ...checked.flatMap((file) => program.getSyntacticDiagnostics(file)),
    ...checked.flatMap((file) => program.getSemanticDiagnostics(file)),
  ];
  // File by file: without one, the compiler checks the declarations of all packages first.
  if (found.length === 0) for (const path of paths) program.emit(program.getSourceFile(path));
  return found.map(({ file, messageText }) =>
    [file?.fileName ?? '', ts.flattenDiagnosticMessageText(messageText, '\n')].join(': '),
  );
}

/** Type-checks a program as an ES module and as CommonJS, runs both, and gives what they print. */
async function tried(name: string): Promise<unknown[]> {
  const source = join(__dirname, 'support', 'consumers', `${name}.ts`);
  const [esm, cjs] = [join(project, `${name}.mts`), join(project, `${name}.cts`)];
  await Promise.all([copyFile(source, esm), copyFile(source, cjs)]);
  const { Node16, ESNext } = ts.ModuleKind;
  expect(compile([esm, cjs], { module: Node16 })).toEqual([]);
  const bundler = { moduleResolution: ts.ModuleResolutionKind.Bundler, noEmit: true };
  expect(compile([esm], { module: ESNext, ...bundler })).toEqual([]);
  const outputs = await Promise.all(
    [`${name}.mjs`, `${name}.cjs`].map((file) => run('node', [file], { cwd: project })),
  );
  return outputs.map(({ stdout }) => JSON.parse(stdout) as unknown);
}

describe('without an optional package', () => {
  test('a program that uses none of them compiles and runs, as an ES module and as CommonJS', async () => {
    const printed = { taskQueue: 'cloudsync-payments', isUsageError: true };
    expect(await tried('streams')).toEqual([printed, printed]);
  });

  test.each([
    ['s3', "s3Sink({ bucket: 'b' })", '@aws-sdk/client-s3@3'],
    [
      'azure-blob',
      "azureBlobSink({ container: 'c', connectionString: 'UseDevelopmentStorage=true' })",
      '@azure/storage-blob@12',
    ],
  ])(
    'cloudsync/%s can be imported, and its sink says what to install',
    async (entry, call, sdk) => {
      const code = `import * as entry from 'cloudsync/${entry}'; entry.${call}`;
      const failed = run('node', ['--input-type=module', '--eval', code], { cwd: project });
      const { stderr } = (await failed.catch((error: unknown) => error)) as { stderr: string };
      expect(stderr).toContain('UsageError: the ');
      expect(stderr).toContain(`which is not installed: run "npm install ${sdk}"`);
    },
  );

  const cli = (...args: string[]) =>
    run('node', ['node_modules/cloudsync/dist/cli/main.js', ...args], {
      cwd: project,
      env: {
        PATH: process.env.PATH,
        CLOUDSYNC_STREAMS: 'streams-of-user.ts',
        CLOUDSYNC_METRICS_PORT: '0',
        CLOUDSYNC_API_METRICS_PORT: '0',
        ...(args[0] === 'bridge' && { CLOUDSYNC_TRACING: 'true' }),
        CLOUDSYNC_ENCRYPTION_KEYS: `a:${Buffer.alloc(32).toString('base64')}`,
      },
    });

  test('every command shows its help', async () => {
    const { stdout } = await cli('--help');
    expect(stdout).toContain('bridge');
  });

  test.each([
    ['api start', 'fastify@5 @fastify/helmet@13 @fastify/swagger@9 @fastify/swagger-ui@5'],
    ['codec start', 'fastify@5 @fastify/cors@11 @fastify/helmet@13'],
    [
      'page start',
      'fastify@5 @fastify/cookie@11 htmx.org@2 preact@11 preact-render-to-string@6 uplot@1',
    ],
    [
      'bridge start',
      '@opentelemetry/sdk-trace-node@2 @opentelemetry/exporter-trace-otlp-http@0.223 @opentelemetry/resources@2',
    ],
    ['dev up --sink cloud', '@aws-sdk/client-s3@3 @azure/storage-blob@12'],
  ])('%s ends with exit code 2 and says what to install', async (command, packages) => {
    const stream = readFileSync(join(ROOT, 'examples', 'quick-start', 'streams.ts'), 'utf8');
    await writeFile(join(project, 'streams-of-user.ts'), stream);
    const failed = cli(...command.split(' '));
    const { code, stderr } = (await failed.catch((error: unknown) => error)) as {
      code: number;
      stderr: string;
    };
    expect(stderr).toContain(`not installed: run "npm install ${packages}"`);
    expect(code).toBe(2);
  });
});

describe('with the optional packages', () => {
  beforeAll(() => link(optional));

  test('a program with the SDKs compiles and runs, as an ES module and as CommonJS', async () => {
    const printed = Array.from({ length: 6 }, (_, index) => `payments-${index}`);
    expect(await tried('clouds')).toEqual([printed, printed]);
  });
});
