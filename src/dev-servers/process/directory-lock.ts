import { join } from 'node:path';
import { withLock } from './lock';
import type { Progress } from '../common/progress';

/** Longer than the slowest first start, which builds the Temporal CLI. */
const DEADLINE_MS = 30 * 60_000;

/** Lets only one process at a time start or stop the servers of a directory. The directory must exist. */
export function withDirectoryLock<T>(
  directory: string,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  const lock = {
    path: join(directory, 'lock'),
    waitingFor: 'another process that starts or stops the local servers',
    deadlineMs: DEADLINE_MS,
    progress,
  };
  return withLock(lock, work);
}
