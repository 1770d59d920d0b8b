import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * Folder of the files that are still being written. No message's file has this name, because `objectName` encodes
 * a leading dot.
 */
export const UNFINISHED = '.unfinished';

/** No attempt lasts this long. The age decides if the process of a file can't be checked. */
const MAX_AGE_MS = 60 * 60_000;

/** A file name that identifies this process to other processes of the same machine and container. */
export function unfinishedName(): string {
  return `${place()}-${process.pid}-${randomUUID()}`;
}

/**
 * Removes files that processes began and never finished, because they were killed. A file stays while its process
 * runs. If the process ran in another container or on another machine, the file stays for an hour. A file that is
 * removed too early costs its writer one more attempt: then the writer can't link it.
 */
export async function removeAbandoned(folder: string, now = Date.now()): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const path = join(folder, name);
    // Another process may have removed the file. A file that can't be removed is not part of the sink.
    if (await isAbandoned(name, path, now).catch(() => false))
      await unlink(path).catch(() => undefined);
  }
}

async function isAbandoned(name: string, path: string, now: number): Promise<boolean> {
  const [where, pid] = name.split('-');
  if (where === place() && !isRunning(Number(pid))) return true;
  return now - (await stat(path)).mtimeMs > MAX_AGE_MS;
}

/** Whether a process with this pid runs. It may be a later process: then the file stays until it is old. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let known: string | undefined;

/**
 * Identifies the place in which a pid means the same process: one start of the machine, and one container's
 * namespace of pids on it.
 */
function place(): string {
  return (known ??= createHash('sha256').update(placeFacts()).digest('hex').slice(0, 16));
}

function placeFacts(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not on Linux.
    return hostname();
  }
}
