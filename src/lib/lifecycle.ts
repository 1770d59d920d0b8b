import type { Logger } from 'pino';

/** Undoes the steps of a start, the last step first. Every step is tried; then the first error is thrown. */
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

  /**
   * Releases after a start that failed. An error is only logged, because the start's own error is the one to
   * throw.
   */
  async abandon(logger: Logger): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      logger.warn({ err: error }, 'Could not release all resources after the failed start');
    }
  }
}

/** Something that runs until it is stopped or fails. */
export interface Service {
  /** Drains and releases everything. Every call returns the same promise. */
  stop(): Promise<void>;
  /** Settles when the service has ended; rejects if the service ended by itself. */
  readonly ended: Promise<void>;
  /** What is wrong now, by check; empty if the service is ready. */
  faults(): Record<string, string>;
  /** What people should know although the service is ready. A restart would not repair it. */
  notices?(): Record<string, string>;
}

/**
 * The longest time that a stop may take, in milliseconds. It is longer than a worker may take to drain, and
 * shorter than the time that a container gets before SIGKILL.
 */
const STOP_DEADLINE_MS = 28_000;

/**
 * Runs a service as a process. SIGTERM and SIGINT stop the service, also while it starts. A second signal, or
 * a stop that takes longer than 28 s, ends the process at once. The promise rejects if the start does.
 *
 * If the service ends by itself, the process exits with code 1. The process that replaces it continues from
 * the last committed offset. After the service was stopped, the process ends a second after the promise has
 * resolved, even if something is still open; after it ended by itself, it ends 10 s later at the latest.
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
    // kafkajs does not close a connection that it made while a broker was coming back.
    setTimeout(() => process.exit(), 1_000).unref();
  } catch (error) {
    logger.fatal({ err: error }, 'The service ended unexpectedly');
    process.exitCode = 1;
    setTimeout(
      () => exitNow('the service did not release its resources within 10 s'),
      10_000,
    ).unref();
    await started.stop().catch((stopError: unknown) => {
      logger.error({ err: stopError }, 'Stopping failed');
    });
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
