import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { provisionAzurite } from '../../../src/dev-servers/clouds/provision-azurite';
import { fakeTools } from '../support/fake-tools';
import { temporaryDirectory } from '../support/temporary-directory';

const progress = () => undefined;

test('provisionAzurite uses azurite-blob of PATH as it is', async () => {
  const tools = fakeTools({ 'azurite-blob': '3.36.0\n' });
  expect(await provisionAzurite(temporaryDirectory(), progress, tools)).toEqual({
    command: 'azurite-blob',
    args: [],
  });
});

test('provisionAzurite installs Azurite with npm into the cache, once, and this Node runs it', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ npm: '11.0.0' });
  const program = await provisionAzurite(cache, progress, tools);
  const main = join('node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  expect(program).toEqual({
    command: process.execPath,
    args: [join(cache, 'azurite-3.36.0', main)],
  });
  expect(await provisionAzurite(cache, progress, fakeTools({}))).toEqual(program);
  expect(tools.runs).toEqual([expect.stringMatching(/^npm install .*azurite@3\.36\.0$/)]);
});

test('a failed installation leaves nothing behind, and its error names every alternative', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ npm: '11.0.0' }, () => {
    throw new Error('ENOTFOUND');
  });
  await expect(provisionAzurite(cache, progress, tools)).rejects.toThrow(
    /ENOTFOUND\n[^]*on PATH[^]*npm[^]*AZURE_STORAGE_CONNECTION_STRING/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('provisionAzurite without any tool fails with one error that names every alternative', async () => {
  await expect(
    provisionAzurite(temporaryDirectory(), progress, fakeTools({})),
  ).rejects.toMatchObject({
    name: 'LocalServerError',
    message: expect.stringMatching(/npm not found[^]*azurite-blob/) as string,
  });
});
