import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../process/lock';
import { makeFolder } from '../common/make-folder';
import type { Progress } from '../common/progress';

const WAIT_MS = 30 * 60_000;

export interface CachedFolder {
  cacheDirectory: string;
  /** Name of the folder, with its version. */
  name: string;
  progress: Progress;
  /** Fills the folder. On this machine only one call runs at a time. */
  build: (directory: string) => Promise<void>;
}

/**
 * Returns the path of a folder in the cache, and builds the folder at its first use. A finished folder appears by
 * a rename. So a folder that exists is complete, and an interrupted build is done again.
 */
export async function cachedFolder(folder: CachedFolder): Promise<string> {
  const { cacheDirectory, name, progress, build } = folder;
  const target = join(cacheDirectory, name);
  if (existsSync(target)) return target;
  await makeFolder(cacheDirectory, "the servers' programs", 'XDG_CACHE_HOME');
  const lock = {
    path: `${target}.lock`,
    waitingFor: `another process to provide ${name}`,
    deadlineMs: WAIT_MS,
    progress,
  };
  return withLock(lock, async () => {
    if (existsSync(target)) return target;
    for (const entry of await readdir(cacheDirectory)) {
      if (entry.startsWith(`${name}.partial-`)) {
        await rm(join(cacheDirectory, entry), { recursive: true });
      }
    }
    const partial = `${target}.partial-${process.pid}`;
    await mkdir(partial);
    try {
      await build(partial);
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { recursive: true });
      throw error;
    }
    return target;
  });
}
