import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OPTIONAL_PACKAGES, type OptionalPackage } from '../../src/domain/optional-packages';
import { environmentSchema } from '../../src/settings/environment-schema';
import { CODEC_PACKAGES } from '../../src/codec-server/server';
import { PAGE_PACKAGES } from '../../src/page/operator-page';
import { API_PACKAGES } from '../../src/http-producer/server';

const ROOT = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

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
  const text = read(document);
  const links = text.matchAll(/\]\((?!https?:)([^)#]+)/g);
  const pictures = text.matchAll(/ (?:src|srcset)="(?!https?:)([^"]+)"/g);
  const targets = [...links, ...pictures].map(([, to]) => to!);
  const broken = targets.filter((to) => !existsSync(join(ROOT, dirname(document), to)));
  expect(broken).toEqual([]);
});

const SETTINGS = Object.keys(environmentSchema.shape);
/** Variables that only tests read. Only the page about tests may name them. */
const OF_TESTS = ['CLOUDSYNC_CHROMIUM'];

test.each(documents)('%s names no variable that does not exist', (document) => {
  const named = [...read(document).matchAll(/\bCLOUDSYNC_[A-Z_]+[A-Z]\b/g)].map(([name]) => name);
  const known = document === 'CONTRIBUTING.md' ? [...SETTINGS, ...OF_TESTS] : SETTINGS;
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
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
  expect(installed).toContainEqual(withVersions(PAGE_PACKAGES));
  const versions = rows('docs/reference/packages.md', 'Versions').filter(
    ([name]) => code(name!) !== 'zod',
  );
  expect(versions.map(([name, range, tested]) => [code(name!), code(range!), tested])).toEqual(
    optional.map((name) => [name, peerDependencies![name], devDependencies![name]]),
  );
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
