import type { Logger } from 'pino';

/** Undoes what a start has done, last first. Every step is tried; the first error is thrown. */
export class Releasers {
  readonly #steps: (() => Promise<void> | void)[] = [];

  push(release: () => Promise<void> | void): void {
    this.#steps.push(release);
  }

  async release(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** Releases after a start that failed, whose own error is the one to throw. */
  async abandon(logger: Logger): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      logger.warn({ err: error }, 'Not everything could be released');
    }
  }
}

/** Something that runs until it is stopped or fails. */
export interface Service {
  /** Drains and releases everything. Every call gets the same promise. */
  stop(): Promise<void>;
  /** Settles when the service has ended; rejects when it ended by itself. */
  readonly ended: Promise<void>;
  /** What is wrong now, by check; empty when ready. */
  faults(): Record<string, string>;
  /** What people should know although the service is ready: what a restart would not mend. */
  notices?(): Record<string, string>;
}

/** Longer than a worker may take to drain, shorter than what a container gets before SIGKILL. */
const STOP_DEADLINE_MS = 28_000;

/**
 * Runs a service as a process: SIGTERM and SIGINT stop it, also while it starts; a second signal or a stop
 * that takes too long ends the process at once. Exits 1 when the service ends by itself: whatever
 * restarts the process continues from the last committed offset. Rejects when the start does. The
 * process ends a second after the promise has resolved, whatever else is open.
 */
export async function runUntilSignal(
  service: Service | Promise<Service>,
  logger: Logger,
): Promise<void> {
  const starting = Promise.resolve(service);
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'Stopping');
    setTimeout(() => exitNow('the service did not stop in time'), STOP_DEADLINE_MS).unref();
    for (const name of SIGNALS) {
      process.off(name, stop);
      process.once(name, () => exitNow(`second signal ${name}`));
    }
    starting
      .then((started) => started.stop())
      .catch((error: unknown) => logger.error({ err: error }, 'Stopping failed'));
  };
  const exitNow = (reason: string) => {
    logger.error({ reason }, 'Exiting at once');
    process.exit(1);
  };
  for (const name of SIGNALS) process.once(name, stop);
  const started = await starting;
  try {
    await started.ended;
    logger.info('Stopped');
    // kafkajs does not close a connection that it made while a broker came back.
    setTimeout(() => process.exit(), 1_000).unref();
  } catch (error) {
    logger.fatal({ err: error }, 'Ended by itself');
    process.exitCode = 1;
    setTimeout(() => exitNow('resources were still held'), 10_000).unref();
    await started.stop().catch((stopError: unknown) => {
      logger.error({ err: stopError }, 'Stopping failed');
    });
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
