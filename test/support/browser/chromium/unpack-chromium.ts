import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Tools } from '../../../../src/dev-servers/cache/tools';
import type { Progress } from '../../../../src/dev-servers/common/progress';
import { FONT_PACKAGES, FONTCONFIG } from './fonts';

const DOWNLOAD_DEADLINE_MS = 15 * 60_000;
const UNPACK_DEADLINE_MS = 5 * 60_000;
const EXECUTABLE = join('usr', 'lib', 'chromium', 'chromium');
const RECORD = 'closure.json';

const closureSchema = z.object({
  /** The line that `chromium --version` prints. */
  version: z.string(),
  /** The folders of shared libraries, relative to the unpacked folder. */
  libraryFolders: z.array(z.string()),
  /** The file names of the unpacked packages: Chromium, and the packages it needs that the machine lacked. */
  packages: z.array(z.string()),
  downloadedBytes: z.number(),
  seconds: z.number(),
});
type Closure = z.infer<typeof closureSchema>;

/** The packages that `unpackChromium` put into the folder. */
export async function readClosure(folder: string): Promise<Closure> {
  return closureSchema.parse(JSON.parse(await readFile(join(folder, RECORD), 'utf8')));
}

/** How to run Chromium from the folder. The variables name the folder's libraries and fonts. */
export function unpackedProgram(folder: string, libraryFolders: string[]) {
  const libraries = libraryFolders.map((path) => join(folder, path));
  return {
    executable: join(folder, EXECUTABLE),
    env: { LD_LIBRARY_PATH: libraries.join(':'), FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  };
}

/**
 * Downloads Debian's Chromium with each package that it needs and this machine lacks, and unpacks them into the folder.
 * The system stays as it is, and root is not needed.
 */
export async function unpackChromium(
  directory: string,
  tools: Tools,
  progress: Progress,
): Promise<void> {
  const start = Date.now();
  const archives = await download(directory, tools, progress);
  const packages = (await readdir(archives)).filter((name) => name.endsWith('.deb')).sort();
  const sizes = await Promise.all(packages.map((name) => stat(join(archives, name))));
  await tools.run({
    command: 'sh',
    args: ['-ec', 'for package in "$0"/*.deb; do dpkg-deb -x "$package" .; done', archives],
    doing: `unpacking Chromium (${packages.length} Debian packages)`,
    ...{ cwd: directory, deadlineMs: UNPACK_DEADLINE_MS, progress },
  });
  const unused = ['doc', 'locale', 'man'].map((name) => join('usr', 'share', name));
  for (const path of ['apt', ...unused])
    await rm(join(directory, path), { recursive: true, force: true });
  await writeFile(join(directory, 'fonts.conf'), FONTCONFIG);

  const libraryFolders = await foldersOfLibraries(directory);
  const { executable, env } = unpackedProgram(directory, libraryFolders);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const version = await tools.ask('env', [...variables, executable, '--version']);
  if (version === undefined) {
    throw new Error(
      `the unpacked Chromium does not start, because a file is missing: ${packages.join(' ')}`,
    );
  }
  const closure: Closure = {
    ...{ version: version.trim(), libraryFolders, packages },
    downloadedBytes: sizes.reduce((sum, { size }) => sum + size, 0),
    seconds: Math.round((Date.now() - start) / 1000),
  };
  await writeFile(join(directory, RECORD), JSON.stringify(closure, undefined, 2));
}

/** Lets apt find and download the packages. Resolves with the folder that holds them. */
async function download(directory: string, tools: Tools, progress: Progress): Promise<string> {
  const apt = join(directory, 'apt');
  const lists = join(apt, 'lists');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(apt, 'archives', 'partial'), { recursive: true });
  const aptGet = (doing: string, args: string[]) =>
    tools.run({
      command: 'apt-get',
      // The lock belongs to root. It guards installations, and nothing is installed here.
      args: [...['-o', `Dir::Cache=${apt}`], ...['-o', 'Debug::NoLocking=true'], ...args],
      ...{ doing, deadlineMs: DOWNLOAD_DEADLINE_MS, progress, cwd: directory },
    });
  const doing = "downloading Debian's Chromium and the libraries that this machine lacks";
  const install = [
    ...['install', '--download-only', '--yes', '--no-install-recommends'],
    ...['chromium', ...FONT_PACKAGES],
  ];
  await aptGet(`${doing} (125 to 200 MB)`, install).catch(async () => {
    // The machine has no package lists, or old ones: download new lists into the folder.
    const own = ['-o', `Dir::State::lists=${lists}`];
    await aptGet("downloading apt's package lists", [...own, 'update']);
    await aptGet(`${doing}, with these lists`, [...own, ...install]);
  });
  return join(apt, 'archives');
}

/** The dynamic loader finds libraries only in folders that LD_LIBRARY_PATH names. */
async function foldersOfLibraries(directory: string): Promise<string[]> {
  const folders = new Set<string>();
  for (const root of [join('usr', 'lib'), 'lib']) {
    if (!existsSync(join(directory, root))) continue;
    const entries = await readdir(join(directory, root), { recursive: true });
    for (const path of entries) {
      if (/\.so(\.[\d.]+)?$/.test(path)) folders.add(join(root, dirname(path)));
    }
  }
  return [...folders].sort();
}
