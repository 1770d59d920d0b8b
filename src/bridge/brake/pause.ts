import type { Client } from '@temporalio/client';
import { PAUSE, type PauseReason } from '../../domain/stream/pause';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { StartGate, StartPermit } from './brake';
import { StateWatch } from './state-watch';

interface PauseDependencies {
  client: Client;
  stream: { name: string };
  metrics: Metrics;
  logger: Logger;
  /** Decides about starts while the stream is not paused. */
  gate: StartGate;
}

/**
 * Starts nothing while an operator has paused the stream, no probe of the brake either. Workflows that run go on. Every
 * process of the stream learns of the pause within 5 s, and before it starts anything.
 */
export class Pause implements StartGate {
  readonly #watch: StateWatch<PauseReason>;

  constructor(private readonly deps: PauseDependencies) {
    const { client, stream, metrics, logger } = deps;
    const fields = { stream: stream.name };
    this.#watch = new StateWatch({
      ...{ client, stream, logger, state: PAUSE, adjective: 'paused' },
      onAnswer(reason, before) {
        metrics.paused.set(fields, reason ? 1 : 0);
        if (reason && before?.since !== reason.since) {
          const { since, by, reason: why } = reason;
          logger.warn({ ...fields, since, by, reason: why }, 'Stream is paused; nothing starts');
        }
        if (!reason && before) logger.info(fields, 'Stream is no longer paused');
      },
    });
  }

  get active(): boolean {
    return this.#watch.reason != null;
  }

  /** Says that the stream is paused, by whom and why, and how to end that. Empty while it is not paused. */
  notices(): Record<string, string> {
    const { reason } = this.#watch;
    if (!reason) return {};
    const { name } = this.deps.stream;
    const notice = `${PAUSE.describe(reason)}; "cloudsync resume --stream ${name}" ends it`;
    return { [`pause ${name}`]: notice };
  }

  async enter(
    signal: AbortSignal,
    place?: Parameters<StartGate['enter']>[1],
  ): Promise<StartPermit> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#watch.reason !== null) {
        await this.#watch.change(signal);
        continue;
      }
      const permit = await this.deps.gate.enter(signal, place);
      // The stream may have been paused while it was braked.
      if (!this.active) return permit;
      permit.unused();
    }
  }

  stop(): void {
    this.#watch.stop();
  }
}
