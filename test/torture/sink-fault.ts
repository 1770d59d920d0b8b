import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultProxy, type Fault } from '../integration/support/fault-proxy';
import type { SinkMode } from './schedule';

/** A sink that a run can make fail for all processes at once. */
export interface FaultySink {
  fail(mode: SinkMode): Promise<void>;
  heal(): Promise<void>;
}

/**
 * Folders of a filesystem sink. Each is a link to the folder of the files. While the sink fails, the link leads to
 * a file. Links are swapped in one step, so that no process can create a folder in between.
 */
export async function faultyFolders(directory: string, names: string[]): Promise<FaultySink> {
  const noFolder = join(directory, 'no-folder');
  await mkdir(directory, { recursive: true });
  await writeFile(noFolder, '');
  const pointTo = async (name: string, target: string) => {
    const swap = join(directory, `${name}.swap`);
    await symlink(target, swap);
    await rename(swap, join(directory, name));
  };
  const heal = async () => {
    for (const name of names) await pointTo(name, `${name}.files`);
  };
  for (const name of names) await mkdir(join(directory, `${name}.files`));
  await heal();
  return {
    heal,
    async fail() {
      for (const name of names) await pointTo(name, 'no-folder');
    },
  };
}

const UNAVAILABLE: Fault = { status: 503, headers: { 'retry-after': '1' } };

/** An object store behind a proxy that injects a fault into every request. */
export function faultyStore(proxy: FaultProxy): FaultySink {
  return {
    heal: () => Promise.resolve(proxy.every(undefined)),
    fail: (mode) =>
      Promise.resolve(
        proxy.every(mode === 'unavailable' || mode === 'no-directory' ? UNAVAILABLE : mode),
      ),
  };
}
