import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { provisionVersitygw } from '../../../src/dev-servers/clouds/provision-versitygw';
import type { ToolRun } from '../../../src/dev-servers/cache/tools';
import { fakeTools } from '../support/fake-tools';
import { temporaryDirectory } from '../support/temporary-directory';

const progress = () => undefined;

function goInstall({ args }: ToolRun): void {
  writeFileSync(join(args[0]?.replace('GOBIN=', '') ?? '', 'versitygw'), '');
}

test('provisionVersitygw uses versitygw of PATH as it is', async () => {
  const tools = fakeTools({ versitygw: 'NAME:\n   versitygw - Start S3 gateway service' });
  expect(await provisionVersitygw(temporaryDirectory(), progress, tools)).toBe('versitygw');
});

test('provisionVersitygw builds versitygw with Go into the cache, once', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ go: 'go version go1.26.8' }, goInstall);
  const program = await provisionVersitygw(cache, progress, tools);
  expect(program).toBe(join(cache, 'versitygw-1.7.0', 'versitygw'));
  expect(existsSync(program)).toBe(true);
  expect(await provisionVersitygw(cache, progress, fakeTools({}))).toBe(program);
  expect(tools.runs).toEqual([expect.stringMatching(/go install \S+versitygw@v1\.7\.0$/)]);
});

test('a failed build leaves nothing behind, and its error names every alternative', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ go: 'go version go1.20' }, () => {
    throw new Error('go: requires go >= 1.25');
  });
  await expect(provisionVersitygw(cache, progress, tools)).rejects.toThrow(
    /requires go >= 1\.25\n[^]*on PATH[^]*Go 1\.25[^]*AWS_ENDPOINT_URL_S3/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('provisionVersitygw without any tool fails with one error that names every alternative', async () => {
  const attempt = provisionVersitygw(temporaryDirectory(), progress, fakeTools({}));
  await expect(attempt).rejects.toMatchObject({
    name: 'LocalServerError',
    message: expect.stringMatching(/Go not found[^]*versitygw 1\.7\.0 on PATH/) as string,
  });
});
