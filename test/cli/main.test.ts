import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';

jest.setTimeout(60_000);

const SOURCES = join(__dirname, '..', '..', 'src', 'cli');
const TSX = join(__dirname, '..', '..', 'node_modules', 'tsx', 'dist', 'loader.mjs');

/** Runs Node with TypeScript. With `pipe`, nobody reads its stdout. */
async function run(stdout: 'pipe' | number, ...args: string[]) {
  const child = spawn(process.execPath, ['--import', TSX, ...args], {
    stdio: ['ignore', stdout, 'pipe'],
  });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr!.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('a command ends silently with code 141 when the reader of its stdout has gone, as ls does before head', async () => {
  expect(await run('pipe', join(SOURCES, 'main.ts'), '--help')).toEqual({ code: 141, stderr: '' });
});

test('a service continues when the reader of its stdout has gone', async () => {
  const script = `
    import exit from ${JSON.stringify(join(SOURCES, 'options', 'exit.ts'))};
    exit.handleOutputErrors();
    exit.serveWithoutReaders();
    // The output of a user's sink.
    setInterval(() => console.log('delivered'), 1);
    process.stdout.on('error', () => setImmediate(() => process.exit(7)));`;
  expect(await run('pipe', '--input-type', 'module', '--eval', script)).toEqual({
    ...{ code: 7, stderr: '' },
  });
});

test('send names a file that does not exist', async () => {
  const nobody = openSync('/dev/null', 'w');
  const { code, stderr } = await run(nobody, join(SOURCES, 'main.ts'), 'send', 'nowhere.ndjson');
  expect(code).toBe(2);
  expect(stderr).toMatch(/^cloudsync: there is no file nowhere\.ndjson: name one that /);
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('results that the disk has no room for are an error', async () => {
  const full = openSync('/dev/full', 'w');
  const { code, stderr } = await run(full, join(SOURCES, 'main.ts'), '--help');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^cloudsync: can't write the results: ENOSPC.*\n$/);
});
