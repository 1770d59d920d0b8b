/**
 * Checks the imports of src/ by .dependency-cruiser.cjs, and the number of files in each folder. Draws the arrows
 * between folders into docs/why/arrows.md. With `--check`, it fails if that page is stale instead.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const PAGE = join(ROOT, 'docs', 'why', 'arrows.md');
/** The largest number of files in a folder that a reader takes in at a glance. */
const MOST_FILES = 16;
const MOST_FILES_OF_ROOT = 5;

interface Cruised {
  modules: { source: string; dependencies: { resolved: string }[] }[];
  summary: { violations: { rule: { name: string }; from: string; to: string }[] };
}

function cruise(): Cruised {
  const command = join(ROOT, 'node_modules', '.bin', 'depcruise');
  const output = ['--output-type', 'json'];
  const options = { cwd: ROOT, maxBuffer: 100 * 1024 * 1024, encoding: 'utf8' } as const;
  return JSON.parse(execFileSync(command, ['src', '--config', ...output], options)) as Cruised;
}

/** The folder right below src/, or the file if it lies there itself. */
function unitOf(path: string): string {
  return path.split('/')[1]!;
}

function arrowsOf({ modules }: Cruised): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const { source, dependencies } of modules) {
    if (!source.startsWith('src/')) continue;
    const from = unitOf(source);
    const to = dependencies.map(({ resolved }) => resolved).filter((one) => one.startsWith('src/'));
    const known = arrows.get(from) ?? new Set();
    for (const one of to.map(unitOf)) if (one !== from) known.add(one);
    arrows.set(from, known);
  }
  return arrows;
}

/** Whether a path of arrows leads from one folder to the other through at least one more folder. */
function leadsAround(arrows: Map<string, Set<string>>, from: string, to: string): boolean {
  const seen = new Set([from]);
  const reaches = (at: string): boolean => {
    if (seen.has(at)) return false;
    seen.add(at);
    return [...(arrows.get(at) ?? [])].some((next) => next === to || reaches(next));
  };
  return [...arrows.get(from)!].some((next) => next !== to && reaches(next));
}

function draw(arrows: Map<string, Set<string>>): string {
  const drawn = [...arrows].flatMap(([from, all]) =>
    [...all].filter((to) => !leadsAround(arrows, from, to)).map((to) => `  ${from} --> ${to}`),
  );
  return ['flowchart TD', ...drawn.sort()].join('\n');
}

function page(arrows: Map<string, Set<string>>): string {
  const rows = [...arrows].sort(([a], [b]) => (a < b ? -1 : 1));
  return `# Which folder imports which

\`npm run arrows\` draws this page from the imports of \`src/\`. \`npm run verify\` fails if the page is stale, if two files
or two folders import each other, if a folder imports one that [.dependency-cruiser.cjs](../../.dependency-cruiser.cjs)
does not allow, or if a folder has more than ${MOST_FILES} files.

An arrow leads from a folder to one that it imports. The picture leaves out each arrow whose folders are also joined by a
longer way.

\`\`\`mermaid
${draw(arrows)}
\`\`\`

| Folder | Imports |
| --- | --- |
${rows.map(([from, to]) => `| ${from} | ${[...to].sort().join(', ') || 'nothing'} |`).join('\n')}
`;
}

/** Folders below this one with more than `MOST_FILES` files. */
function crowded(directory: string): string[] {
  const entries = readdirSync(join(ROOT, directory), { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).length;
  const most = directory === 'src' ? MOST_FILES_OF_ROOT : MOST_FILES;
  const own =
    files > most ? [`${directory} has ${files} files, and ${most} are allowed: split it`] : [];
  const folders = entries.filter((entry) => entry.isDirectory());
  return [...own, ...folders.flatMap(({ name }) => crowded(`${directory}/${name}`))];
}

async function main(): Promise<void> {
  const cruised = cruise();
  const { format, resolveConfig } = await import('prettier');
  const config = await resolveConfig(PAGE);
  const text = await format(page(arrowsOf(cruised)), { ...config, parser: 'markdown' });
  const isStale = !existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== text;
  const isCheck = process.argv.includes('--check');
  if (!isCheck) writeFileSync(PAGE, text);
  const faults = [
    ...cruised.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    ...crowded('src'),
    ...(isCheck && isStale ? ['docs/why/arrows.md is stale: run "npm run arrows"'] : []),
  ];
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}

void main();
