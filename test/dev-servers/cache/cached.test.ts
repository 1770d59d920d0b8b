import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../../../src/dev-servers/cache/cached';
import { temporaryDirectory } from '../support/temporary-directory';

test('two callers at once build a folder once', async () => {
  const cacheDirectory = join(temporaryDirectory(), 'new');
  const build = jest.fn(async (directory: string) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeFileSync(join(directory, 'program'), '');
  });
  const folder = { cacheDirectory, name: 'tool-1.0', progress: () => undefined, build };
  const paths = await Promise.all([cachedFolder(folder), cachedFolder(folder)]);
  const expected = join(cacheDirectory, 'tool-1.0');
  expect(paths).toEqual([expected, expected]);
  expect(build).toHaveBeenCalledTimes(1);
  expect(existsSync(join(expected, 'program'))).toBe(true);
  expect(readdirSync(cacheDirectory)).toEqual(['tool-1.0']);
});

test('a failed build leaves nothing behind, and an interrupted build is removed', async () => {
  const cacheDirectory = temporaryDirectory();
  mkdirSync(join(cacheDirectory, 'tool-1.0.partial-1'));
  const build = () => Promise.reject(new Error('no network'));
  const folder = { cacheDirectory, name: 'tool-1.0', progress: () => undefined, build };
  await expect(cachedFolder(folder)).rejects.toThrow('no network');
  expect(readdirSync(cacheDirectory)).toEqual([]);
});

test('a cache folder that cannot be made is an error that names the variable for another one', async () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  const build = () => Promise.resolve();
  const cacheDirectory = join(file, 'cloudsync');
  const made = cachedFolder({ cacheDirectory, name: 'tool', progress: () => undefined, build });
  await expect(made).rejects.toThrow(
    /^can't make the folder for the servers' programs: ENOTDIR.*XDG_CACHE_HOME$/,
  );
});
