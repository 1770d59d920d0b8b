import { join } from 'node:path';
import { cachedFolder } from '../cache/cached';
import { LocalServerError } from '../common/errors';
import type { Progress } from '../common/progress';
import { installedTools, type Tools } from '../cache/tools';

/** Later versions need Node 22. This version says that it needs 21, but runs on 20. */
const AZURITE_VERSION = '3.36.0';
const INSTALL_DEADLINE_MS = 15 * 60_000;

/** How to run Azurite's blob server: from PATH, or from the cache, into which npm installs it. */
export async function provisionAzurite(
  cacheDirectory: string,
  progress: Progress,
  tools: Tools = installedTools,
): Promise<{ command: string; args: string[] }> {
  if (/^3\.\d/.test((await tools.ask('azurite-blob', ['--version'])) ?? '')) {
    return { command: 'azurite-blob', args: [] };
  }
  const folder = await cachedFolder({
    cacheDirectory,
    name: `azurite-${AZURITE_VERSION}`,
    progress,
    build: (directory) => install(directory, progress, tools),
  });
  const main = join(folder, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  return { command: process.execPath, args: [main] };
}

async function install(directory: string, progress: Progress, tools: Tools): Promise<void> {
  if ((await tools.ask('npm', ['--version'])) === undefined) {
    throw new LocalServerError(
      `no way to run a Blob Storage server here: azurite-blob is not on PATH, npm not found. ${WAYS}`,
    );
  }
  try {
    await tools.run({
      command: 'npm',
      args: [
        ...['install', '--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts'],
        ...['--engine-strict=false', `azurite@${AZURITE_VERSION}`],
      ],
      cwd: directory,
      doing: `installing Azurite ${AZURITE_VERSION} with npm (half a minute the first time)`,
      deadlineMs: INSTALL_DEADLINE_MS,
      progress,
    });
  } catch (error) {
    throw new LocalServerError(`${(error as Error).message}\n${WAYS}`);
  }
}

const WAYS = `Any one of these will do:
  - put Azurite 3 on PATH (azurite-blob)
  - put npm on PATH, with a registry that it reaches
  - set AZURE_STORAGE_CONNECTION_STRING to that of a storage account`;
