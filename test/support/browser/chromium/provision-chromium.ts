import { cachedFolder } from '../../../../src/dev-servers/cache/cached';
import { installedTools, type Tools } from '../../../../src/dev-servers/cache/tools';
import { LocalServerError } from '../../../../src/dev-servers/common/errors';
import type { Progress } from '../../../../src/dev-servers/common/progress';
import { readClosure, unpackChromium, unpackedProgram } from './unpack-chromium';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

const WAYS = `Any one of these will do:
  - put Chromium or Chrome on PATH as ${PROGRAMS.join(', ')} (Debian: apt-get install chromium)
  - name the program of Chromium or Chrome with CLOUDSYNC_CHROMIUM
  - run on a Debian whose package mirror answers: the packages are unpacked without root`;

export interface ChromiumSource {
  cacheDirectory: string;
  /** The program that CLOUDSYNC_CHROMIUM names. */
  named: string | undefined;
  progress: Progress;
}

export interface Chromium {
  executable: string;
  /** The line that the program prints for `--version`. */
  version: string;
  /** The variables that the program needs besides those of this process. */
  env: Record<string, string>;
}

/** Finds Chromium: the program that is named, else of PATH, else of the cache, which Debian's packages fill. */
export async function provisionChromium(
  { cacheDirectory, named, progress }: ChromiumSource,
  tools: Tools = installedTools,
): Promise<Chromium> {
  if (named !== undefined) {
    const version = await versionOf(named, tools);
    if (version !== undefined) return { executable: named, version, env: {} };
    throw new LocalServerError(
      `CLOUDSYNC_CHROMIUM names ${named}, which is no Chromium that starts here. ` +
        `Name another one, or none.`,
    );
  }
  for (const program of PROGRAMS) {
    const executable = (await tools.ask('sh', ['-c', `command -v ${program}`]))?.trim();
    if (executable === undefined) continue;
    const version = await versionOf(executable, tools);
    if (version !== undefined) return { executable, version, env: {} };
  }
  return debianChromium(cacheDirectory, progress, tools);
}

async function debianChromium(
  cacheDirectory: string,
  progress: Progress,
  tools: Tools,
): Promise<Chromium> {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if ((await tools.ask(tool, ['--version'])) !== undefined) continue;
    throw new LocalServerError(
      `no way to run a browser here: Chromium is not on PATH, ${tool} not found. ${WAYS}`,
    );
  }
  // The libraries are those that this release of Debian lacks on this machine.
  const release = await tools.ask('sh', ['-c', '. /etc/os-release && echo "$VERSION_CODENAME"']);
  const name = ['chromium', release?.trim() || 'debian', process.arch].join('-');
  try {
    const folder = await cachedFolder({
      ...{ cacheDirectory, name, progress },
      build: async (directory) => {
        await unpackChromium(directory, tools, progress);
        const { version, packages, downloadedBytes, seconds } = await readClosure(directory);
        const size = `${packages.length} packages, ${Math.round(downloadedBytes / 1e6)} MB`;
        progress(`unpacked ${version} (${size}) in ${seconds} s`);
      },
    });
    const { version, libraryFolders } = await readClosure(folder);
    return { version, ...unpackedProgram(folder, libraryFolders) };
  } catch (error) {
    throw new LocalServerError(`${(error as Error).message}\n${WAYS}`);
  }
}

async function versionOf(program: string, tools: Tools): Promise<string | undefined> {
  const answer = (await tools.ask(program, ['--version']))?.trim();
  return answer !== undefined && /^(Chromium|Google Chrome)\b.* \d/.test(answer)
    ? answer
    : undefined;
}
