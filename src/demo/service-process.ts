import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of the build, also if this file is not. */
const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
const READY_DEADLINE_MS = 60_000;

/** A bridge worker, the HTTP producer or the operator page in a process of its own. */
export interface ServiceProcess {
  readonly pid: number;
  /** Where the HTTP producer or the operator page listens; undefined for a bridge worker. */
  readonly url: string | undefined;
  /** SIGKILL: nothing is drained or committed. */
  kill(): Promise<void>;
  /** Sends SIGTERM and waits until the process has drained. */
  stop(): Promise<void>;
  /** Leaves it running when this process ends. */
  detach(): void;
}

/** Starts `cloudsync ARGS` and waits until the process is ready, for 60 s at most. The log is appended to. */
export async function startServiceProcess(
  args: string[],
  env: NodeJS.ProcessEnv,
  log: string,
): Promise<ServiceProcess> {
  const output = createWriteStream(log, { flags: 'a' });
  await once(output, 'open');
  const child = spawn(process.execPath, [MAIN, ...args], {
    env,
    stdio: ['ignore', output, output],
    detached: true,
  });
  output.close();
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  try {
    await untilReady(child, args.join(' '), log);
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    pid: child.pid!,
    url: await loggedField('url', log, child.pid!),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    detach: () => child.unref(),
  };
}

/** Waits until the process is ready. Its log names its port, because it was given any free port. */
async function untilReady(child: ChildProcess, command: string, log: string): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`cloudsync ${command} ended with ${child.exitCode}: see ${log}`);
    }
    // The operator page has no metrics: it answers at its own address.
    const address =
      (await loggedField('metrics', log, child.pid!)) ??
      (await loggedField('url', log, child.pid!));
    if (address) {
      const ready = await fetch(new URL('/readyz', address)).catch(() => undefined);
      if (ready?.ok) return;
    }
    await sleep(100);
  }
  throw new Error(`cloudsync ${command} was not ready in time: see ${log}`);
}

/** A field that a process has logged; `undefined` if it has not. */
async function loggedField(name: string, log: string, pid: number): Promise<string | undefined> {
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    if (!line.includes(`"pid":${pid},`) || !line.includes(`"${name}":`)) continue;
    const value = (JSON.parse(line) as Record<string, unknown>)[name];
    if (typeof value === 'string') return value;
  }
  return undefined;
}
