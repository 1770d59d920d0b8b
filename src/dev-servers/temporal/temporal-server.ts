import { mkdirSync } from 'node:fs';
import { localAddress, localUrl } from '../common/local-ports';
import { serverPaths } from '../common/paths';
import type { Progress } from '../common/progress';
import { provisionTemporal } from './provision-temporal';
import { spawnServer, type StartingServer } from '../process/server-process';
import { temporalAnswers } from './temporal-probe';

export interface TemporalOptions {
  /** The folder for the data in `temporal/` and the log in `logs/temporal.log`. */
  directory: string;
  cacheDirectory: string;
  port: number;
  uiPort: number;
  /** Whether Temporal's CLI may be downloaded; default true. */
  download?: boolean | undefined;
  /** Dynamic configuration that is added to the one for local work, or replaces values of it. */
  dynamicConfig?: Record<string, number | string>;
  progress: Progress;
}

/** Starts Temporal's dev server on 127.0.0.1, on new data or on the data that an earlier server left. */
export async function launchTemporal(options: TemporalOptions): Promise<StartingServer> {
  const { cacheDirectory, port, uiPort, download = true, progress } = options;
  const { home, log } = serverPaths(options.directory, 'temporal');
  const command = await provisionTemporal({ cacheDirectory, download, progress });
  mkdirSync(home, { recursive: true });
  const address = localAddress(port);
  progress(`starting Temporal on ${address}, its UI on ${localUrl(uiPort)}`);
  const args = temporalArguments(port, uiPort, options.dynamicConfig);
  const identity = spawnServer({ title: 'Temporal', command, args, cwd: home, log });
  return { title: 'Temporal', address, identity, log, answers: () => temporalAnswers(port) };
}

/** Arguments of `temporal`. The data file is relative to the folder in which the program runs. */
export function temporalArguments(
  port: number,
  uiPort: number,
  dynamicConfig: Record<string, number | string> = {},
): string[] {
  return [
    ...['server', 'start-dev', '--log-level', 'warn'],
    ...['--ip', '127.0.0.1', '--port', `${port}`],
    ...['--ui-ip', '127.0.0.1', '--ui-port', `${uiPort}`],
    ...['--db-filename', 'temporal.db'],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...Object.entries({ ...DYNAMIC_CONFIG, ...dynamicConfig }).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
  ];
}

/**
 * Dynamic configuration for local work. Temporal's defaults share one server between tenants. Here they would
 * only throttle a backlog, and most of all the list and count calls.
 */
const DYNAMIC_CONFIG = {
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'frontend.namespaceRPS.visibility': 1_000,
  'frontend.namespaceCount': 10_000,
  'history.rps': 30_000,
  'matching.rps': 20_000,
  'frontend.persistenceMaxQPS': 20_000,
  'history.persistenceMaxQPS': 90_000,
  'matching.persistenceMaxQPS': 30_000,
  // SQLite accepts longer ids than the 255 bytes of a PostgreSQL column, so this limit refuses them here, too.
  'limit.maxIDLength': 255,
};
