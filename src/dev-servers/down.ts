import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { withDirectoryLock } from './process/directory-lock';
import { SERVER_NAMES, type ServerName } from './common/paths';
import { isAlive } from './process/process-identity';
import type { Progress } from './common/progress';
import { stopProcess } from './process/server-process';
import { readState, recordServer } from './common/state';

export interface DownOptions {
  directory: string;
  /** Servers that continue to run. Default: none. */
  except?: ServerName[];
  progress: Progress;
}

/**
 * Stops the servers that `up` started in this directory, and returns the names of those that still ran. The data
 * stays.
 */
export async function down(options: DownOptions): Promise<{ stopped: ServerName[] }> {
  const { progress, except = [] } = options;
  const directory = resolve(options.directory);
  if (!existsSync(directory)) return { stopped: [] };
  return withDirectoryLock(directory, progress, async () => {
    const state = readState(directory);
    const stop = async (name: ServerName): Promise<ServerName[]> => {
      const server = state[name];
      if (server === undefined) return [];
      const running = isAlive(server);
      if (running) {
        progress(`stopping ${name} (pid ${server.pid})`);
        await stopProcess(server);
      }
      recordServer(directory, name, undefined);
      return running ? [name] : [];
    };
    const stopped = await Promise.all(
      SERVER_NAMES.filter((name) => !except.includes(name)).map(stop),
    );
    return { stopped: stopped.flat() };
  });
}
