import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadSettings } from '../../../src/settings/config';
import { UsageError } from '../../../src/domain/errors';
import { loadStreams } from '../../../src/cli/options/load-streams';
import type { Case, Outcome } from '../../reference/streams/support/load-modules';

const index = JSON.stringify(join(__dirname, '..', '..', '..', 'src', 'index.ts'));
const head = `
const sink = () => Promise.reject(new DeliveryError('Permanent', 'no'));
const one = (name, topic = 't') => defineStream({ name, topic, schema, sink });
`;
const imports = `import { defineStream, DeliveryError, messageSchema as schema } from ${index};${head}`;
const requires = `const { defineStream, DeliveryError, messageSchema: schema } = require(${index});${head}`;
const typed = imports.replace('(name, topic = ', '(name: string, topic: string = ');
const three = `${typed} export default [one('a'), one('b'), one('c')];`;

/** The modules of the tests, by file name. */
const MODULES: Record<string, string> = {
  'one.ts': `${typed} export default one('a') satisfies object;`,
  'one.mjs': `${imports} export default one('a');`,
  'one.cjs': `${requires} module.exports = one('a');`,
  'default.cjs': `${requires} exports.default = [one('a')];`,
  'function.cjs': `${requires} module.exports = () => one('a');`,
  'list.ts': three,
  'function.ts': `${typed} export default (settings: { topic: string }) => [one('a', settings.topic)];`,
  'nothing.ts': 'export const streams = [];',
  'empty-list.ts': 'export default [];',
  'options.ts': "export default { name: 'a', topic: 't' };",
  'null.ts': 'export default null;',
  'null.cjs': 'module.exports = null;',
  'text.ts': "export default 'aws';",
  'hole.ts': `${typed} export default [one('a'), undefined];`,
  'returns-nothing.ts': 'export default () => undefined;',
  'promise.ts': `${typed} export default Promise.resolve(one('a'));`,
  'promise.cjs': `${requires} module.exports = Promise.resolve([one('a')]);`,
  'async-function.ts': `${typed} export default async () => one('a');`,
  'await.ts': `${typed} const name = await Promise.resolve('a'); export default one(name);`,
  'await.mts': `${typed} const name = await Promise.resolve('a'); export default one(name);`,
  'await.mjs': `${imports} await null; export default one('a');`,
  'one.mts': `${typed} export default one('a');`,
  'one.cts': `${typed} export default one('a');`,
  'esm/package.json': '{ "type": "module" }',
  'esm/one.ts': `${typed} export default one('a');`,
  'esm/one.js': `${imports} export default one('a');`,
  'esm/await.ts': `${typed} await null; export default async () => one('a');`,
  'esm/await.js': `${imports} await null; export default Promise.resolve(one('a'));`,
  'rejects.ts': "export default Promise.reject(new Error('as the promise says'));",
  'await-throws.mjs': "await Promise.reject(new Error('as the promise says'));",
  'await-wrong.mjs': `${imports} await null; export default one('No');`,
  'promise-of-nothing.ts': 'export default Promise.resolve();',
  'throws.ts': "throw new Error('as the module says');",
  'syntax.ts': 'export default [',
  'imports.ts': "import './nowhere'; export default [];",
  'function-throws.ts': "export default () => { throw new Error('as the function says'); };",
  'wrong.ts': `${typed} export default one('No');`,
  'function-wrong.ts': `${typed} export default () => one('No');`,
  'own-try.ts': `${typed} export default one('try', 'own');`,
  '.cloudsync/try-mx2hchvt/accounts.txt': '',
  '.cloudsync/try-mx2hd000/accounts.txt': '',
  'twice.ts': `${typed} export default [one('a'), one('b'), one('a')];`,
};

const cases = {
  ...Object.fromEntries(Object.keys(MODULES).map((file): [string, Case] => [file, { path: file }])),
  newest: { path: 'list.ts', names: ['try'] },
  run: { path: 'list.ts', names: ['try-mx2hchvt'] },
  unknownRun: { path: 'list.ts', names: ['try-00000000'] },
  brokenModule: { path: 'throws.ts', names: ['try-mx2hchvt'] },
  ownTry: { path: 'own-try.ts', names: ['try'] },
  chosen: { path: 'list.ts', names: ['c', 'a'] },
  unknown: { path: 'list.ts', names: ['a', 'x', 'y'] },
  absent: { path: 'absent.ts' },
  folder: { path: '.' },
} satisfies Record<string, Case>;

let directory: string;
let outcomes: Map<string, Outcome>;

// One process for all: it takes a second to come up.
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'cloudsync-streams-')));
  for (const [file, source] of Object.entries(MODULES)) {
    mkdirSync(join(directory, dirname(file)), { recursive: true });
    writeFileSync(join(directory, file), source);
  }
  const driver = join(__dirname, '..', '..', 'reference', 'streams', 'support', 'load-modules.ts');
  const tsx = require.resolve('tsx');
  const list: Case[] = Object.values(cases);
  // Paths are relative to the working directory.
  const results = execFileSync(process.execPath, ['--import', `file://${tsx}`, driver], {
    cwd: directory,
    input: JSON.stringify(list),
    encoding: 'utf8',
  });
  const parsed = JSON.parse(results) as Outcome[];
  outcomes = new Map(Object.keys(cases).map((name, i) => [name, parsed[i]!]));
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ...['one.ts', 'one.mjs', 'one.cjs', 'default.cjs', 'function.cjs', 'one.mts', 'one.cts'],
  ...['await.mts', 'await.mjs', 'esm/one.ts', 'esm/one.js', 'esm/await.ts'],
  ...['esm/await.js', 'promise.ts', 'promise.cjs', 'async-function.ts'],
])('loadStreams loads %s, and its error classes are those of this process', (file) => {
  expect(outcomes.get(file)).toEqual({
    streams: ['a of t'],
    failure: { type: 'Permanent', message: 'no' },
  });
});

test('a stream module may export a list of streams', () => {
  expect(outcomes.get('list.ts')).toMatchObject({ streams: ['a of t', 'b of t', 'c of t'] });
});

test('a stream module may export a function that gets the settings', () => {
  expect(outcomes.get('function.ts')).toMatchObject({ streams: ['a of orders'] });
});

test.each([
  'nothing.ts',
  'empty-list.ts',
  'options.ts',
  'null.ts',
  'null.cjs',
  'text.ts',
  'hole.ts',
  'returns-nothing.ts',
  'promise-of-nothing.ts',
])('%s: any other export is a usage error that names the expected exports', (file) => {
  const { error, usage } = outcomes.get(file) as { error: string; usage: boolean };
  expect(usage).toBe(true);
  expect(error).toContain(`${file} must export by default a stream`);
});

test('a path of a folder is an error that asks for the file in it', () => {
  expect(outcomes.get('folder')).toEqual({
    error: `the stream module ${directory} is a folder: name the file in it`,
    usage: true,
    cause: false,
  });
});

test('a path that does not exist is an error that names it', () => {
  expect(outcomes.get('absent')).toEqual({
    error: `the stream module ${join(directory, 'absent.ts')} does not exist`,
    usage: true,
    cause: false,
  });
});

test.each([
  ['throws.ts', 'as the module says'],
  ['syntax.ts', 'syntax.ts'],
  ['imports.ts', './nowhere'],
  ['rejects.ts', 'as the promise says'],
  ['function-throws.ts', 'as the function says'],
  ['await.ts', 'name the file .mts'],
  ['await-throws.mjs', 'as the promise says'],
])(
  '%s: a module that can not be loaded is a usage error with the reason and the cause',
  (file, told) => {
    const outcome = outcomes.get(file) as { error: string };
    expect(outcome).toMatchObject({ usage: true, cause: true });
    expect(outcome.error).toContain(`the stream module ${join(directory, file)} can't be loaded`);
    expect(outcome.error).toContain(told);
  },
);

test.each(['wrong.ts', 'await-wrong.mjs', 'function-wrong.ts'])(
  '%s: a fault that defineStream finds is reported with the path of the module',
  (file) => {
    const { error, usage } = outcomes.get(file) as { error: string; usage: boolean };
    expect(usage).toBe(true);
    expect(error).toMatch(/^stream "No":/);
    expect(error).toContain(`(in the stream module ${join(directory, file)})`);
  },
);

test('two streams with one name are an error', () => {
  expect(outcomes.get('twice.ts')).toMatchObject({
    error: 'two streams are called a',
    usage: true,
  });
});

test('given names select streams, which keep the order of the module', () => {
  expect(outcomes.get('chosen')).toMatchObject({ streams: ['a of t', 'c of t'] });
});

test('an unknown stream name is a usage error that lists the known names', () => {
  expect(outcomes.get('unknown')).toMatchObject({
    error: 'no stream x, y; there are a, b, c',
    usage: true,
  });
});

test('loadStreams finds a stream of cloudsync try by its name, and the newest by the name try', () => {
  expect(outcomes.get('newest')).toMatchObject({ streams: ['try-mx2hd000 of try-mx2hd000'] });
  expect(outcomes.get('run')).toMatchObject({ streams: ['try-mx2hchvt of try-mx2hchvt'] });
  // Also if the streams module can't be loaded for now.
  expect(outcomes.get('brokenModule')).toMatchObject({
    streams: ['try-mx2hchvt of try-mx2hchvt'],
  });
  expect(outcomes.get('unknownRun')).toMatchObject({
    error: 'no stream try-00000000; there are a, b, c',
    usage: true,
  });
});

test('loadStreams prefers a stream of the module if cloudsync try has a stream of the same name', () => {
  expect(outcomes.get('ownTry')).toMatchObject({ streams: ['try of own'] });
});

test('loadStreams returns the reference streams in a checkout if no module is given', async () => {
  const settings = loadSettings({});
  const names = async (only?: string[]) =>
    (await loadStreams(settings, only)).map(({ name }) => name);
  expect(await names()).toEqual(['aws', 'azure']);
  expect(await names(['azure'])).toEqual(['azure']);
  await expect(names(['gcp'])).rejects.toThrow(UsageError);
});
