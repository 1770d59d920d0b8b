import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultProxy, type Fault } from '../integration/support/fault-proxy';
import type { SinkMode } from './schedule';

/** A sink that can be made to fail for all processes at once. */
export interface FaultySink {
  fail(mode: SinkMode): Promise<void>;
  heal(): Promise<void>;
}

/**
 * Folders of a filesystem sink, each a link to where the files are. A sink that fails has a file in the
 * folder's place. Links are swapped in one step, so that no process can make a folder of its own between.
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

/** An object store behind a proxy that spoils every request. */
export function faultyStore(proxy: FaultProxy): FaultySink {
  return {
    heal: () => Promise.resolve(proxy.every(undefined)),
    fail: (mode) =>
      Promise.resolve(
        proxy.every(mode === 'unavailable' || mode === 'no-directory' ? UNAVAILABLE : mode),
      ),
  };
}
