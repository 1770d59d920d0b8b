import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../cache/cached';
import { downloadTemporal, temporalArchive } from './download-temporal';
import { LocalServerError } from '../common/errors';
import type { Progress } from '../common/progress';
import { installedTools, type Tools } from '../cache/tools';

/** Later tags have a replace directive, which `go install` refuses. */
export const TEMPORAL_CLI_VERSION = '1.5.1';
const CACHED_FOLDER = `temporal-${TEMPORAL_CLI_VERSION}`;
const BUILD_DEADLINE_MS = 30 * 60_000;

export interface TemporalSource {
  cacheDirectory: string;
  /** Whether a download from temporal.download is allowed. */
  download: boolean;
  progress: Progress;
}

/** Names the way by which Temporal's CLI comes here: from PATH, from the cache, by its download, or built by Go. */
export type TemporalWay = 'path' | 'cache' | 'download' | 'go';

/**
 * Finds the way that `provisionTemporal` tries first here; Go follows a download that fails. Throws a
 * {@link LocalServerError} if there is no way.
 */
export async function wayToTemporal(
  { cacheDirectory, download }: Omit<TemporalSource, 'progress'>,
  tools: Tools = installedTools,
): Promise<TemporalWay> {
  if (await isTemporalCli('temporal', tools)) return 'path';
  if (existsSync(join(cacheDirectory, CACHED_FOLDER))) return 'cache';
  if (download) return 'download';
  await requireGo(download, tools);
  return 'go';
}

/** The program to run as `temporal`: from PATH, or from the cache, which a download or Go fills. */
export async function provisionTemporal(
  { cacheDirectory, download, progress }: TemporalSource,
  tools: Tools = installedTools,
): Promise<string> {
  const way = await wayToTemporal({ cacheDirectory, download }, tools);
  if (way === 'path') return 'temporal';
  const folder = await cachedFolder({
    cacheDirectory,
    name: CACHED_FOLDER,
    progress,
    build: async (directory) => {
      const url = temporalArchive(TEMPORAL_CLI_VERSION);
      const downloaded =
        way === 'download' &&
        (await downloadTemporal(url, directory, progress, tools)) &&
        (await isTemporalCli(join(directory, 'temporal'), tools));
      if (!downloaded) await buildTemporal(directory, download, progress, tools);
    },
  });
  return join(folder, 'temporal');
}

/**
 * Whether the program is Temporal's CLI. Only the server's version shows it, because builds by `go install` call
 * themselves 0.0.0-DEV.
 */
async function isTemporalCli(program: string, tools: Tools): Promise<boolean> {
  return /\(Server \d/.test((await tools.ask(program, ['--version'])) ?? '');
}

async function requireGo(download: boolean, tools: Tools): Promise<void> {
  if ((await tools.ask('go', ['version'])) !== undefined) return;
  throw new LocalServerError(
    `no way to run Temporal here: temporal is not on PATH, its download is ` +
      `${download ? 'not possible' : 'switched off'}, Go not found. ${WAYS}`,
  );
}

async function buildTemporal(
  directory: string,
  download: boolean,
  progress: Progress,
  tools: Tools,
): Promise<void> {
  await requireGo(download, tools);
  try {
    await tools.run({
      command: 'env',
      args: [
        `GOBIN=${directory}`,
        ...['go', 'install', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`],
      ],
      doing: 'building the Temporal CLI with go install (about 3 minutes the first time)',
      deadlineMs: BUILD_DEADLINE_MS,
      progress,
    });
  } catch (error) {
    throw new LocalServerError(`${(error as Error).message}\n${WAYS}`);
  }
}

const WAYS = `Any one of these will do:
  - put Temporal's CLI on PATH (temporal)
  - allow its download from temporal.download
  - put Go 1.25 or newer on PATH (go)
  - set TEMPORAL_ADDRESS to the address of a Temporal server that runs`;
