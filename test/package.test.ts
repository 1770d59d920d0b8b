import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';

jest.setTimeout(120_000);

const ROOT = join(__dirname, '..');

/** The paths of the files that `npm publish` would publish. */
async function packed(): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--dry-run', '--ignore-scripts', '--json'],
    { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 },
  );
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path);
}

test('the package has every file that its README links to', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(20);
  const files = await packed();
  const isThere = (link: string) =>
    files.some((file) => file === link || file.startsWith(`${link.replace(/\/$/, '')}/`));
  expect(links.filter((link) => !isThere(link))).toEqual([]);
});

test.each([
  ['node10', { moduleResolution: ts.ModuleResolutionKind.Node10 }],
  ['node16', { moduleResolution: ts.ModuleResolutionKind.Node16 }],
  ['bundler', { moduleResolution: ts.ModuleResolutionKind.Bundler }],
])('TypeScript finds the types of both entries under moduleResolution %s', async (_, options) => {
  const project = await mkdtemp(join(tmpdir(), 'cloudsync-types-'));
  try {
    await mkdir(join(project, 'node_modules'));
    await symlink(ROOT, join(project, 'node_modules', 'cloudsync'));
    const typesOf = (name: string) =>
      ts.resolveModuleName(name, join(project, 'streams.ts'), options, ts.sys).resolvedModule
        ?.resolvedFileName;
    expect(typesOf('cloudsync')).toBe(join(ROOT, 'dist', 'index.d.ts'));
    expect(typesOf('cloudsync/workflow')).toBe(join(ROOT, 'dist', 'workflow.d.ts'));
  } finally {
    await rm(project, { recursive: true });
  }
});
