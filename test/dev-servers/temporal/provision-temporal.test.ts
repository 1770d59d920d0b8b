import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { provisionTemporal } from '../../../src/dev-servers/temporal/provision-temporal';
import type { ToolRun } from '../../../src/dev-servers/cache/tools';
import { fakeTools } from '../support/fake-tools';
import { temporaryDirectory } from '../support/temporary-directory';

const VERSION = 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)';
const options = () => ({
  cacheDirectory: temporaryDirectory(),
  download: false,
  progress: () => undefined,
});

function goInstall({ args }: ToolRun): void {
  const bin = args[0]?.replace('GOBIN=', '') ?? '';
  writeFileSync(join(bin, 'temporal'), '');
}

test('provisionTemporal uses temporal of PATH as it is', async () => {
  const tools = fakeTools({ temporal: VERSION });
  expect(await provisionTemporal(options(), tools)).toBe('temporal');
});

test('provisionTemporal does not use another program with the name temporal', async () => {
  const tools = fakeTools({ temporal: 'Temporal 3, a calendar', go: 'go version' }, goInstall);
  expect(await provisionTemporal(options(), tools)).not.toBe('temporal');
});

test('provisionTemporal builds the CLI with Go into the cache, once', async () => {
  const source = options();
  const tools = fakeTools({ go: 'go version go1.26.8' }, goInstall);
  const program = await provisionTemporal(source, tools);
  expect(program).toBe(join(source.cacheDirectory, 'temporal-1.5.1', 'temporal'));
  expect(existsSync(program)).toBe(true);
  expect(await provisionTemporal(source, fakeTools({}))).toBe(program);
  expect(tools.runs).toHaveLength(1);
  expect(tools.runs[0]).toMatch(/go install github\.com\/temporalio\/cli\/cmd\/temporal@v1\.5\.1$/);
});

test('a failed build leaves nothing behind, and its error names every alternative', async () => {
  const source = options();
  const tools = fakeTools({ go: 'go version go1.20' }, () => {
    throw new Error('go: requires go >= 1.25');
  });
  await expect(provisionTemporal(source, tools)).rejects.toThrow(
    /requires go >= 1\.25\n[^]*on PATH[^]*download[^]*Go 1\.25[^]*TEMPORAL_ADDRESS/,
  );
  expect(readdirSync(source.cacheDirectory)).toEqual([]);
});

test('provisionTemporal without any tool fails with one error that names every alternative', async () => {
  await expect(provisionTemporal(options(), fakeTools({}))).rejects.toMatchObject({
    name: 'LocalServerError',
    message: `no way to run Temporal here: temporal is not on PATH, its download is switched off, Go not found. Any one of these will do:
  - put Temporal's CLI on PATH (temporal)
  - allow its download from temporal.download
  - put Go 1.25 or newer on PATH (go)
  - set TEMPORAL_ADDRESS to the address of a Temporal server that runs`,
  });
});
