/**
 * Writes the API reference into docs/reference/api from the comments of src/, by typedoc.json. With `--check`, says if those
 * pages are stale instead. Fails in both cases if an export has no comment, or a link in a comment leads nowhere.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');
const PAGES = join(ROOT, 'docs', 'reference', 'api');

function write(folder: string): void {
  const command = join(ROOT, 'node_modules', '.bin', 'typedoc');
  const { status } = spawnSync(command, ['--out', folder, '--logLevel', 'Warn'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('the API reference is not complete: see above');
}

/** The pages of a folder by their path. */
function pagesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

function isStale(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'cloudsync-api-'));
  try {
    write(folder);
    const [made, kept] = [pagesOf(folder), pagesOf(PAGES)];
    return made.size !== kept.size || [...made].some(([path, text]) => kept.get(path) !== text);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

try {
  if (!process.argv.includes('--check')) write(PAGES);
  else if (isStale()) throw new Error('docs/reference/api is stale: run "npm run docs:api"');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
