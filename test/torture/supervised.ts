import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventLog } from './event-log';
import type { ProcessName } from './options';

export const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
/** The pause before a process that has ended by itself is started again. */
const RESTART_AFTER_MS = 1_000;
const READ_EVERY_MS = 200;

/** The addresses that a process of the CLI prints in its log. */
interface Addresses {
  metrics?: string;
  /** The address of the HTTP producer. */
  url?: string;
}

/** A process that is started again whenever it ends, as an orchestrator does, except during a planned outage. */
export class SupervisedProcess {
  #child: ChildProcess | undefined;
  #addresses: Addresses = {};
  #wanted = false;
  #restart: NodeJS.Timeout | undefined;
  #reading: NodeJS.Timeout | undefined;
  #starts = 0;
  /** The number of unplanned exits. */
  ownExits = 0;

  constructor(
    readonly name: ProcessName,
    readonly args: string[],
    readonly env: NodeJS.ProcessEnv,
    /** The folder of the logs. Each process has a file of its own. */
    readonly logDirectory: string,
    readonly log: EventLog,
  ) {}

  /** The pid of the present process. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether the present process has finished its start. */
  get started(): boolean {
    return this.#addresses.metrics !== undefined;
  }

  get url(): string | undefined {
    return this.#addresses.url;
  }

  start(): void {
    this.#wanted = true;
    clearTimeout(this.#restart);
    if (this.#child) return;
    const logFile = join(this.logDirectory, `${this.name}.${++this.#starts}.log`);
    // The output goes to a file, not a pipe, so that the last lines before a crash are kept.
    const output = openSync(logFile, 'w');
    const child = spawn(process.execPath, [MAIN, ...this.args], {
      env: this.env,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#child = child;
    this.#addresses = {};
    this.log.write('start', { process: this.name, pid: child.pid, log: logFile });
    this.#reading = setInterval(() => this.#read(logFile), READ_EVERY_MS).unref();
    child.once('exit', (code, signal) => this.#ended(child, code, signal));
  }

  /** Ends the process, which stays away until `start`. Resolves when the process has ended. */
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

  /** The fault that `/readyz` reports, or undefined if there is none. */
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

  /** Reads the log until the process has printed its addresses. */
  #read(logFile: string): void {
    for (const line of readFileSync(logFile, 'utf8').split('\n')) {
      if (!line.includes('"metrics":') && !line.includes('"url":')) continue;
      try {
        const { metrics, url } = JSON.parse(line) as Addresses;
        if (typeof metrics === 'string') this.#addresses.metrics = metrics;
        if (typeof url === 'string') this.#addresses.url = url;
      } catch {
        // The line is not of the process's log, or is not complete yet.
      }
    }
    // The process prints this address last.
    if (this.#addresses.metrics) clearInterval(this.#reading);
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    this.#addresses = {};
    clearInterval(this.#reading);
    const asked = !this.#wanted;
    this.log.write('exit', { process: this.name, pid: child.pid, code, signal, asked });
    if (asked) return;
    this.ownExits++;
    this.#restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
  }
}
