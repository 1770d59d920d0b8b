import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ToolRun, Tools } from '../../../../src/dev-servers/cache/tools';
import { fakeTools } from '../../../dev-servers/support/fake-tools';
import { temporaryDirectory } from '../../../dev-servers/support/temporary-directory';
import { provisionChromium } from './provision-chromium';

const VERSION = 'Chromium 156.0.8078.114 built on Debian GNU/Linux 12 (bookworm)';
const NAME = `chromium-bookworm-${process.arch}`;
/** What a Debian without Chromium answers. */
const DEBIAN = {
  'apt-get': 'apt 2.6.1',
  'dpkg-deb': '1.21.22',
  'sh -c . /etc/os-release && echo "$VERSION_CODENAME"': 'bookworm\n',
};

const provision = (tools: Tools, cacheDirectory = temporaryDirectory(), named?: string) =>
  provisionChromium({ cacheDirectory, named, progress: () => undefined }, tools);

function write(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '12345');
}

/** Does what apt and dpkg do: the one leaves packages, the other files. */
function debian({ command, args, cwd }: ToolRun): void {
  if (command === 'apt-get' && args.includes('install')) {
    write(join(cwd!, 'apt', 'archives', 'chromium_156_amd64.deb'));
    write(join(cwd!, 'apt', 'archives', 'libogg0_1_amd64.deb'));
  }
  if (command === 'sh') {
    for (const name of ['doc', 'locale', 'man']) write(join(cwd!, 'usr', 'share', name, 'a'));
    write(join(cwd!, 'usr', 'lib', 'x86_64-linux-gnu', 'libogg.so.0.8.5'));
    write(join(cwd!, 'usr', 'lib', 'chromium', 'chromium'));
    write(join(cwd!, 'lib', 'x86_64-linux-gnu', 'libz.so'));
  }
}

/** Tools of a Debian without Chromium. An unpacked Chromium starts. */
function debianTools(onRun: (run: ToolRun) => void = debian): Tools & { runs: string[] } {
  const tools = fakeTools(DEBIAN, onRun);
  const ask: Tools['ask'] = (command, args) =>
    command === 'env' ? Promise.resolve(`${VERSION}\n`) : tools.ask(command, args);
  return { ...tools, ask };
}

test('provisionChromium takes the program that CLOUDSYNC_CHROMIUM names before that of PATH', async () => {
  const tools = fakeTools({
    '/opt/chrome --version': 'Google Chrome 150.0.1.2\n',
    'sh -c command -v chromium': '/usr/bin/chromium\n',
    '/usr/bin/chromium --version': VERSION,
  });
  expect(await provision(tools, undefined, '/opt/chrome')).toEqual({
    executable: '/opt/chrome',
    version: 'Google Chrome 150.0.1.2',
    env: {},
  });
});

test('provisionChromium fails if CLOUDSYNC_CHROMIUM names a program that is no Chromium', async () => {
  const tools = fakeTools({ ...DEBIAN, '/bin/true --version': 'true (GNU coreutils) 9.1' });
  for (const named of ['/bin/true', '/no/such/program']) {
    await expect(provision(tools, undefined, named)).rejects.toMatchObject({
      name: 'LocalServerError',
      message: expect.stringContaining(`CLOUDSYNC_CHROMIUM names ${named}`) as string,
    });
  }
});

test('provisionChromium takes the first program of PATH that is a Chromium', async () => {
  const tools = fakeTools({
    'sh -c command -v chromium': '/snap/chromium\n',
    'sh -c command -v google-chrome': '/usr/bin/google-chrome\n',
    '/usr/bin/google-chrome --version': 'Google Chrome 150.0.1.2',
  });
  expect((await provision(tools)).executable).toBe('/usr/bin/google-chrome');
});

test("provisionChromium unpacks Debian's packages into the cache, once", async () => {
  const cache = temporaryDirectory();
  const tools = debianTools();
  const chromium = await provision(tools, cache);
  const folder = join(cache, NAME);
  expect(chromium).toEqual({
    executable: join(folder, 'usr', 'lib', 'chromium', 'chromium'),
    version: VERSION,
    env: {
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
      LD_LIBRARY_PATH: ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']
        .map((path) => join(folder, path))
        .join(':'),
    },
  });
  expect(tools.runs).toEqual([
    expect.stringMatching(/^apt-get .*install --download-only .*chromium fonts-/),
    expect.stringMatching(/^sh .*dpkg-deb -x/),
  ]);
  expect(readdirSync(folder).sort()).toEqual(['closure.json', 'fonts.conf', 'lib', 'usr']);

  const second = debianTools();
  expect(await provision(second, cache)).toEqual(chromium);
  expect(second.runs).toEqual([]);
});

test('provisionChromium unpacks packages without documentation, as on a machine that has most libraries', async () => {
  const cache = temporaryDirectory();
  const tools = debianTools((run) => {
    debian(run);
    if (run.command === 'sh') rmSync(join(run.cwd!, 'usr', 'share'), { recursive: true });
  });
  expect((await provision(tools, cache)).version).toBe(VERSION);
});

test('provisionChromium downloads package lists of its own if those of the machine are of no use', async () => {
  let first = true;
  const tools = debianTools((run) => {
    if (!first) return debian(run);
    first = false;
    throw new Error('Unable to locate package chromium');
  });
  await provision(tools);
  expect(tools.runs.slice(1)).toEqual([
    expect.stringMatching(/^apt-get .*Dir::State::lists=\S+ update$/),
    expect.stringMatching(/^apt-get .*Dir::State::lists=\S+ install/),
    expect.stringMatching(/^sh /),
  ]);
});

test('a failed download leaves nothing behind, and its error names every alternative', async () => {
  const cache = temporaryDirectory();
  const tools = debianTools(() => {
    throw new Error('Temporary failure resolving');
  });
  await expect(provision(tools, cache)).rejects.toThrow(
    /Temporary failure resolving\n[^]*on PATH[^]*CLOUDSYNC_CHROMIUM[^]*Debian/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('provisionChromium leaves nothing behind if the unpacked Chromium does not start', async () => {
  const cache = temporaryDirectory();
  await expect(provision(fakeTools(DEBIAN, debian), cache)).rejects.toThrow(
    /does not start[^]*libogg0_1_amd64\.deb/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('provisionChromium fails on a machine without apt, and its error names every alternative', async () => {
  await expect(provision(fakeTools({}))).rejects.toMatchObject({
    name: 'LocalServerError',
    message: expect.stringMatching(/apt-get not found[^]*on PATH[^]*CLOUDSYNC_CHROMIUM/) as string,
  });
});
