import { join } from 'node:path';
import { cachedFolder } from '../cache/cached';
import { downloadTemporal, temporalArchive } from './download-temporal';
import { LocalServerError } from '../common/errors';
import type { Progress } from '../common/progress';
import { installedTools, type Tools } from '../cache/tools';

/** Later tags have a replace directive, which `go install` refuses. */
const TEMPORAL_CLI_VERSION = '1.5.1';
const BUILD_DEADLINE_MS = 30 * 60_000;

export interface TemporalSource {
  cacheDirectory: string;
  /** Whether a download from temporal.download is allowed. */
  download: boolean;
  progress: Progress;
}

/** The program to run as `temporal`: from PATH, or from the cache, which a download or Go fills. */
export async function provisionTemporal(
  { cacheDirectory, download, progress }: TemporalSource,
  tools: Tools = installedTools,
): Promise<string> {
  if (await isTemporalCli('temporal', tools)) return 'temporal';
  const folder = await cachedFolder({
    cacheDirectory,
    name: `temporal-${TEMPORAL_CLI_VERSION}`,
    progress,
    build: async (directory) => {
      const url = temporalArchive(TEMPORAL_CLI_VERSION);
      const downloaded =
        download &&
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

async function buildTemporal(
  directory: string,
  download: boolean,
  progress: Progress,
  tools: Tools,
): Promise<void> {
  if ((await tools.ask('go', ['version'])) === undefined) {
    throw new LocalServerError(
      `no way to run Temporal here: temporal is not on PATH, its download is ` +
        `${download ? 'not possible' : 'switched off'}, Go not found. ${WAYS}`,
    );
  }
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
