import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { EventLog } from './event-log';
import type { ProcessName } from './options';

export const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
/** Before a process that has ended by itself is started again. */
const RESTART_AFTER_MS = 1_000;

/** What one process of the CLI says of itself in its log. */
interface Addresses {
  metrics?: string;
  /** Of the HTTP producer. */
  url?: string;
}

/** A process that is started again whenever it ends, as an orchestrator does, unless it is to be away. */
export class SupervisedProcess {
  #child: ChildProcess | undefined;
  #addresses: Addresses = {};
  #wanted = false;
  #restart: NodeJS.Timeout | undefined;
  /** Exits that nobody asked for. */
  ownExits = 0;
  readonly #output: WriteStream;

  constructor(
    readonly name: ProcessName,
    readonly args: string[],
    readonly env: NodeJS.ProcessEnv,
    logFile: string,
    readonly log: EventLog,
  ) {
    this.#output = createWriteStream(logFile, { flags: 'a' });
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get url(): string | undefined {
    return this.#addresses.url;
  }

  start(): void {
    this.#wanted = true;
    clearTimeout(this.#restart);
    if (this.#child) return;
    const child = spawn(process.execPath, [MAIN, ...this.args], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#addresses = {};
    this.log.write('start', { process: this.name, pid: child.pid });
    let partial = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#output.write(data);
        partial += data.toString();
        const end = partial.lastIndexOf('\n') + 1;
        this.#read(partial.slice(0, end));
        partial = partial.slice(end);
      });
    }
    child.once('exit', (code, signal) => this.#ended(child, code, signal));
  }

  /** Ends it and keeps it away until it is started. Resolves when it has ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** What `/readyz` says is wrong; undefined when all is well. */
  async fault(): Promise<string | undefined> {
    const { metrics } = this.#addresses;
    if (!metrics) return 'not started';
    try {
      const signal = AbortSignal.timeout(5_000);
      const response = await fetch(new URL('/readyz', metrics), { signal });
      const body = await response.text();
      return response.ok ? undefined : body;
    } catch (error) {
      return String(error);
    }
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    this.#output.end();
  }

  #read(lines: string): void {
    for (const line of lines.split('\n')) {
      if (!line.includes('"metrics":') && !line.includes('"url":')) continue;
      try {
        const { metrics, url } = JSON.parse(line) as Addresses;
        if (typeof metrics === 'string') this.#addresses.metrics = metrics;
        if (typeof url === 'string') this.#addresses.url = url;
      } catch {
        // A line that is not of its log.
      }
    }
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    this.#addresses = {};
    const asked = !this.#wanted;
    this.log.write('exit', { process: this.name, pid: child.pid, code, signal, asked });
    if (asked) return;
    this.ownExits++;
    this.#restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
  }
}
