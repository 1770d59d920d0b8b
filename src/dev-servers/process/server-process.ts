import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LocalServerError } from '../common/errors';
import { identify, isAlive, signalProcess, type ProcessIdentity } from './process-identity';
import { withHeartbeat, type Progress } from '../common/progress';
import { waitUntil } from './wait';

const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 20_000;
const TAIL_LINES = 20;

export interface ServerCommand {
  title: string;
  command: string;
  args: string[];
  cwd: string;
  log: string;
}

/** Starts a server in a session of its own, so that it outlives this process and its terminal. */
export function spawnServer({ title, command, args, cwd, log }: ServerCommand): ProcessIdentity {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a');
  const child = spawn(command, args, { cwd, detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  // Without a listener the error would end this process. The missing pid shows the same failure.
  child.once('error', () => undefined);
  child.unref();
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) {
    throw new LocalServerError(`${title} did not start with ${command}\n${logTail(log)}`.trim());
  }
  return identity;
}

export interface StartingServer {
  title: string;
  address: string;
  identity: ProcessIdentity;
  log: string;
  answers: () => Promise<boolean>;
}

/**
 * Waits until the server answers (true) or its process has ended (false). Throws if neither happens within 120 s.
 */
export async function waitForAnswer(server: StartingServer, progress: Progress): Promise<boolean> {
  const { title, address, identity, log, answers } = server;
  const doing = `waiting for ${title} at ${address}`;
  const over = await withHeartbeat(progress, doing, () =>
    waitUntil(async () => !isAlive(identity) || (await answers()), {
      everyMs: 100,
      deadlineMs: READY_DEADLINE_MS,
    }),
  );
  if (!isAlive(identity)) return false;
  if (over) return true;
  throw new LocalServerError(
    `${title} (pid ${identity.pid}) does not answer at ${address}; the end of ${log}:\n${logTail(log)}`,
  );
}

/**
 * Waits until a new server answers. Throws a {@link LocalServerError} with the end of its log if its process
 * ends.
 */
export async function untilReady(server: StartingServer, progress: Progress): Promise<void> {
  if (await waitForAnswer(server, progress)) return;
  const { title, log } = server;
  throw new LocalServerError(`${title} stopped; the end of ${log}:\n${logTail(log)}`);
}

/** Asks the process to end with SIGTERM. Kills it if it still runs after 20 s. */
export async function stopProcess(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGTERM');
  const stopped = await waitUntil(() => !isAlive(identity), {
    everyMs: 50,
    deadlineMs: STOP_DEADLINE_MS,
  });
  if (!stopped) await killProcess(identity);
}

export async function killProcess(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGKILL');
  const ended = await waitUntil(() => !isAlive(identity), {
    everyMs: 20,
    deadlineMs: STOP_DEADLINE_MS,
  });
  if (!ended) throw new LocalServerError(`process ${identity.pid} can't be killed`);
}

function logTail(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}
