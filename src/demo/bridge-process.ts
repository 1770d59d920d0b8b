import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(__dirname, '..', 'cli', 'main.js');
const READY_DEADLINE_MS = 60_000;

/** A bridge worker of one stream in a process of its own. */
export interface BridgeProcess {
  readonly pid: number;
  readonly log: string;
  /** SIGKILL: nothing is drained or committed. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the drain. */
  stop(): Promise<void>;
  /** Leaves it running when this process ends. */
  detach(): void;
}

/** Starts one and waits until it is ready. Its log is appended to. */
export async function startBridgeProcess(
  stream: string,
  env: NodeJS.ProcessEnv,
  log: string,
): Promise<BridgeProcess> {
  const output = createWriteStream(log, { flags: 'a' });
  await once(output, 'open');
  const child = spawn(process.execPath, [MAIN, 'bridge', 'start', '--stream', stream], {
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
    await untilReady(child, stream, log);
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    pid: child.pid!,
    log,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    detach: () => child.unref(),
  };
}

/** The process names its own port, as it was given any free one. */
async function untilReady(child: ChildProcess, stream: string, log: string): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`the bridge worker of ${stream} ended with ${child.exitCode}: see ${log}`);
    }
    const metrics = await metricsAddress(log, child.pid!);
    if (metrics) {
      const ready = await fetch(new URL('/readyz', metrics)).catch(() => undefined);
      if (ready?.ok) return;
    }
    await sleep(100);
  }
  throw new Error(`the bridge worker of ${stream} was not ready in time: see ${log}`);
}

async function metricsAddress(log: string, pid: number): Promise<string | undefined> {
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    if (!line.includes(`"pid":${pid},`) || !line.includes('"metrics"')) continue;
    return (JSON.parse(line) as { metrics: string }).metrics;
  }
  return undefined;
}
