import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { httpServerAnswers } from '../process/http-probe';
import { LOCAL_S3 } from '../common/local-clouds';
import { localAddress, localUrl } from '../common/local-ports';
import { serverPaths } from '../common/paths';
import type { Progress } from '../common/progress';
import { provisionVersitygw } from './provision-versitygw';
import { spawnServer, type StartingServer } from '../process/server-process';

export interface CloudServerOptions {
  /** The folder for the data; the log goes to `logs/` in it. */
  directory: string;
  cacheDirectory: string;
  port: number;
  progress: Progress;
}

export function s3Answers(port: number): Promise<boolean> {
  return httpServerAnswers(port, /^versitygw/i);
}

/** Starts an S3 server on 127.0.0.1, on new data or on the data that an earlier server left. */
export async function launchS3(options: CloudServerOptions): Promise<StartingServer> {
  const { cacheDirectory, directory, port, progress } = options;
  const { home, log } = serverPaths(directory, 's3');
  const command = await provisionVersitygw(cacheDirectory, progress);
  const [objects, metadata] = [join(home, 'objects'), join(home, 'metadata')];
  for (const folder of [objects, metadata]) mkdirSync(folder, { recursive: true });
  progress(`starting an S3 server on ${localUrl(port)}`);
  const identity = spawnServer({
    title: 'the S3 server',
    command,
    args: [
      ...['--quiet', '--access', LOCAL_S3.accessKeyId, '--secret', LOCAL_S3.secretAccessKey],
      ...['--region', LOCAL_S3.region, '--port', localAddress(port)],
      ...['posix', '--sidecar', metadata, objects],
    ],
    cwd: home,
    log,
  });
  const address = localUrl(port);
  return { title: 'the S3 server', address, identity, log, answers: () => s3Answers(port) };
}
