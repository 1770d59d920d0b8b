import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Identifies one process. A pid alone is reused after its process ends; the start time makes it unique. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** The identity of a running process; undefined if no process has this pid. */
export function identify(pid: number): ProcessIdentity | undefined {
  const found = process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  return found === undefined || found.ended ? undefined : { pid, startTime: found.startTime };
}

export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return identify(pid)?.startTime === startTime;
}

/** Sends a signal to exactly this process. Does nothing if the process has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface ProcessFacts {
  /** Whether the process is a zombie: only its exit code is left. */
  ended: boolean;
  startTime: string;
}

function fromProc(pid: number): ProcessFacts | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses. The name may hold any character.
  const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // While other threads wind up, the first thread is already a zombie, but the process still holds its ports.
  return { ended: state === 'Z' && Number(rest[16]) <= 1, startTime: rest[18] ?? '' };
}

function fromPs(pid: number): ProcessFacts | undefined {
  try {
    // Locale and time zone change what lstart prints, so the caller's are not used.
    const line = execFileSync('/bin/ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [state = '', ...startTime] = line.trim().split(/\s+/);
    return { ended: state.startsWith('Z'), startTime: startTime.join(' ') };
  } catch {
    return undefined;
  }
}
