import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { userCacheDirectory } from '../../../src/dev-servers';
import { cachedFolder } from '../../../src/dev-servers/cache/cached';
import { installedTools, type Tools } from '../../../src/dev-servers/cache/tools';

export const PROMETHEUS_IMAGE = 'prom/prometheus:v3.13.3';
const DEADLINE_MS = 5 * 60_000;

const WAYS = `Any one of these will do:
  - put promtool of Prometheus 2.42 or later on PATH (Debian and Ubuntu: apt-get install prometheus)
  - run on a Debian or Ubuntu whose package mirror answers: the package is unpacked without root
  - put Docker on PATH, with an engine that runs (${PROMETHEUS_IMAGE})`;

/** The command that runs promtool in a folder: from PATH, from Debian's package, or from the image. */
export async function provisionPromtool(
  directory: string,
  tools: Tools = installedTools,
  cacheDirectory = userCacheDirectory(process.env),
): Promise<string[]> {
  if (await works(['promtool'], tools)) return ['promtool'];
  const failures: string[] = [];
  if ((await tools.ask('apt-get', ['--version'])) !== undefined) {
    try {
      return [await debianPromtool(cacheDirectory, tools)];
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  const volume = `${directory}:/work:ro`;
  const options = ['--rm', '--volume', volume, '--workdir', '/work', '--entrypoint', 'promtool'];
  const docker = ['docker', 'run', ...options, PROMETHEUS_IMAGE];
  if ((await tools.ask('docker', ['info'])) !== undefined) return docker;
  throw new Error(['no way to run promtool here.', WAYS, ...failures].join('\n'));
}

/** Runs promtool in the folder and resolves with its output. Rejects with its output when it finds faults. */
export async function runPromtool(directory: string, args: string[]): Promise<string> {
  const [command, ...words] = await provisionPromtool(directory);
  try {
    const run = promisify(execFile)(command!, [...words, ...args], { cwd: directory });
    const { stdout, stderr } = await run;
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${message}\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

async function works([command, ...words]: string[], tools: Tools): Promise<boolean> {
  const answer = await tools.ask(command!, [...words, '--version']);
  return answer?.startsWith('promtool, version') ?? false;
}

/** Unpacks the package into the cache: neither root nor an installation is needed. */
async function debianPromtool(cacheDirectory: string, tools: Tools): Promise<string> {
  const progress = () => undefined;
  const folder = await cachedFolder({
    cacheDirectory,
    name: 'prometheus-debian',
    progress,
    build: async (directory) => {
      const run = (command: string, args: string[]) =>
        tools.run({
          command,
          args,
          doing: "unpacking promtool from Debian's package prometheus",
          deadlineMs: DEADLINE_MS,
          progress,
          cwd: directory,
        });
      await run('apt-get', ['download', 'prometheus']).catch(async () => {
        // The machine has no package lists, or old ones: download them into a folder of this test.
        await mkdir(join(directory, 'lists', 'partial'), { recursive: true });
        await mkdir(join(directory, 'cache', 'archives', 'partial'), { recursive: true });
        const own = [
          ...['-o', `Dir::State::lists=${join(directory, 'lists')}`],
          ...['-o', `Dir::Cache=${join(directory, 'cache')}`],
        ];
        await run('apt-get', [...own, 'update']);
        await run('apt-get', [...own, 'download', 'prometheus']);
      });
      await run('sh', ['-c', 'dpkg-deb -x prometheus_*.deb .']);
      const rest = ['lists', 'cache', 'etc', 'lib', 'var', 'usr/bin/prometheus', 'usr/share'];
      for (const path of rest) await rm(join(directory, path), { recursive: true, force: true });
      await run('sh', ['-c', 'rm prometheus_*.deb && usr/bin/promtool --version']);
    },
  });
  return join(folder, 'usr', 'bin', 'promtool');
}
