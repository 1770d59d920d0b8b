/**
 * Checks the package as `npm publish` would send it: Publint reads its package.json, and attw asks how TypeScript resolves
 * each entry from ES modules, from CommonJS, with a bundler, and under `moduleResolution: node10`. Needs a build.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

/** Packs without `prepare`, which would build again. */
function pack(folder: string): string {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const output = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20 });
  const [{ filename }] = JSON.parse(output) as [{ filename: string }];
  return join(folder, filename);
}

async function check(name: string, ...args: string[]): Promise<boolean> {
  const command = join(ROOT, 'node_modules', '.bin', name);
  const [code] = (await once(spawn(command, args, { stdio: 'inherit' }), 'close')) as [number];
  return code === 0;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cloudsync-package-'));
  try {
    const tarball = pack(folder);
    const passed = [
      await check('publint', tarball, '--strict'),
      // The types are in the package: there is nothing to look for in DefinitelyTyped.
      await check('attw', tarball, '--no-definitely-typed'),
    ];
    if (passed.includes(false)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main();
