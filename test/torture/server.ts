import type { SingleServer } from '../../src/dev-servers';
import { waitUntil } from '../../src/dev-servers/process/wait';

const RESTART_TRIES = 5;

/** A server that is killed, stopped, frozen and started again with the same data and ports. */
export class TorturedServer {
  #running: SingleServer | undefined;
  #starting: Promise<SingleServer> | undefined;

  constructor(readonly start: () => Promise<SingleServer>) {}

  get address(): string {
    return this.#running!.address;
  }

  /** Starts the server. Tries again if it fails, because the data directory may still be in use. */
  async up(): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        this.#running = await (this.#starting = this.start());
        return;
      } catch (error) {
        if (tried === RESTART_TRIES) throw error;
      }
    }
  }

  /** Kills the server, even one that is about to start when a run is ended early. */
  async kill(): Promise<void> {
    const server = await this.#starting?.catch(() => undefined);
    await server?.kill();
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#running) process.kill(this.#running.pid, signal);
  }
}

/** Waits for a condition of the run's own set-up. The deadline only ends a wait that would never end. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 120_000,
): Promise<void> {
  const timing = { everyMs: 100, deadlineMs };
  if (!(await waitUntil(condition, timing))) throw new Error(`never happened: ${what}`);
}
