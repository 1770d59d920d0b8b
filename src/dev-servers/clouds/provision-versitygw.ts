import { join } from 'node:path';
import { cachedFolder } from '../cache/cached';
import { LocalServerError } from '../common/errors';
import type { Progress } from '../common/progress';
import { installedTools, type Tools } from '../cache/tools';

const VERSITYGW_VERSION = '1.7.0';
const BUILD_DEADLINE_MS = 15 * 60_000;

/** The program to run as `versitygw`, an S3 server: from PATH, or from the cache, into which Go builds it. */
export async function provisionVersitygw(
  cacheDirectory: string,
  progress: Progress,
  tools: Tools = installedTools,
): Promise<string> {
  if (/versitygw/i.test((await tools.ask('versitygw', ['--help'])) ?? '')) return 'versitygw';
  const folder = await cachedFolder({
    cacheDirectory,
    name: `versitygw-${VERSITYGW_VERSION}`,
    progress,
    build: (directory) => build(directory, progress, tools),
  });
  return join(folder, 'versitygw');
}

async function build(directory: string, progress: Progress, tools: Tools): Promise<void> {
  if ((await tools.ask('go', ['version'])) === undefined) {
    throw new LocalServerError(
      `no way to run an S3 server here: versitygw is not on PATH, Go not found. ${WAYS}`,
    );
  }
  try {
    await tools.run({
      command: 'env',
      args: [
        `GOBIN=${directory}`,
        ...['go', 'install', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`],
      ],
      doing: 'building versitygw with go install (1 to 2 minutes the first time)',
      deadlineMs: BUILD_DEADLINE_MS,
      progress,
    });
  } catch (error) {
    throw new LocalServerError(`${(error as Error).message}\n${WAYS}`);
  }
}

const WAYS = `Any one of these will do:
  - put versitygw ${VERSITYGW_VERSION} on PATH (versitygw)
  - put Go 1.25 or newer on PATH (go)
  - set AWS_ENDPOINT_URL_S3 to the address of an S3 server that runs`;
