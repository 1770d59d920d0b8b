import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { LocalServerError } from '../common/errors';
import { identify, isAlive, type ProcessIdentity } from './process-identity';
import { withHeartbeat, type Progress } from '../common/progress';
import { waitUntil } from './wait';

export interface Lock {
  /** The lock file, in a folder that exists. The file names the lock's owner. */
  path: string;
  /** The work of the lock's owner, as in "another process to provide Kafka". */
  waitingFor: string;
  deadlineMs: number;
  progress: Progress;
}

const ownerSchema = z.object({ pid: z.number(), startTime: z.string() });

/**
 * Runs `work` while it holds the lock. Meanwhile no other process, and no other call in this process, holds the
 * lock.
 */
export async function withLock<T>(lock: Lock, work: () => Promise<T>): Promise<T> {
  if (!tryLock(lock.path)) await waitForLock(lock);
  try {
    return await work();
  } finally {
    rmSync(lock.path);
  }
}

async function waitForLock({ path, waitingFor, deadlineMs, progress }: Lock): Promise<void> {
  const doing = `waiting for ${waitingFor}`;
  progress(doing);
  const locked = await withHeartbeat(progress, doing, () =>
    waitUntil(() => tryLock(path), { everyMs: 200, deadlineMs }),
  );
  if (!locked) {
    const holder = readOwner(path)?.pid ?? 'unknown';
    throw new LocalServerError(
      `gave up ${doing}: process ${holder} holds ${path}; stop that process or delete the file`,
    );
  }
}

function tryLock(path: string): boolean {
  if (createLock(path)) return true;
  const owner = readOwner(path);
  if (owner === undefined || isAlive(owner)) return false;
  breakLock(path, owner);
  return createLock(path);
}

function createLock(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify(identify(process.pid)), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Deletes the lock of a dead owner. Two waiters may see the same dead owner. The slower one must not delete the
 * lock that the faster one has acquired by then. So a waiter deletes the lock only while it holds a folder that
 * is named after the dead owner.
 */
function breakLock(path: string, dead: ProcessIdentity): void {
  const right = `${path}.break-${dead.pid}`;
  try {
    mkdirSync(right);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    throw error;
  }
  const owner = readOwner(path);
  if (owner?.pid === dead.pid && owner.startTime === dead.startTime) rmSync(path);
  rmdirSync(right);
}

/** Reads the owner from the lock file. Undefined also for the moment between creating and writing the file. */
function readOwner(path: string): ProcessIdentity | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
