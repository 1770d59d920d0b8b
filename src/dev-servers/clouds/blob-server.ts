import { mkdirSync } from 'node:fs';
import { httpServerAnswers } from '../process/http-probe';
import { localUrl } from '../common/local-ports';
import { serverPaths } from '../common/paths';
import { provisionAzurite } from './provision-azurite';
import type { CloudServerOptions } from './s3-server';
import { spawnServer, type StartingServer } from '../process/server-process';

export function blobAnswers(port: number): Promise<boolean> {
  return httpServerAnswers(port, /^azurite-blob/i);
}

/** Starts a Blob Storage server on 127.0.0.1, on new data or on the data that an earlier server left. */
export async function launchBlob(options: CloudServerOptions): Promise<StartingServer> {
  const { cacheDirectory, directory, port, progress } = options;
  const { home, log } = serverPaths(directory, 'blob');
  const { command, args } = await provisionAzurite(cacheDirectory, progress);
  mkdirSync(home, { recursive: true });
  progress(`starting a Blob Storage server on ${localUrl(port)}`);
  const identity = spawnServer({
    title: 'the Blob Storage server',
    command,
    args: [
      ...args,
      ...['--location', home, '--silent', '--disableTelemetry'],
      // Azurite knows no version of the protocol that is younger than Azurite.
      ...['--skipApiVersionCheck', '--blobHost', '127.0.0.1', '--blobPort', `${port}`],
    ],
    cwd: home,
    log,
  });
  const [title, address] = ['the Blob Storage server', localUrl(port)];
  return { title, address, identity, log, answers: () => blobAnswers(port) };
}
