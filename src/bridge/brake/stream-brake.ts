import type { Client } from '@temporalio/client';
import { Brake, OPEN_GATE, type StartGate } from './brake';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';

/** The brake of one stream in one process, with what it is told by and what it tells. */
export interface StreamBrake {
  gate: StartGate;
  /** Absent where the stream has none. */
  brake?: Brake;
  notices(): Record<string, string>;
  stop(): void;
}

export function createStreamBrake(
  stream: AnyStream,
  client: Client,
  metrics: Metrics,
  logger: Logger,
): StreamBrake {
  const { name, brake: limits } = stream;
  if (!limits) {
    return {
      gate: OPEN_GATE,
      notices: () => ({}),
      stop: () => undefined,
    };
  }
  const brake = new Brake({ client, stream, limits, metrics, logger });
  return {
    gate: brake,
    brake,
    notices: () => {
      const notice = brake.notice();
      return notice ? { [`brake ${name}`]: notice } : {};
    },
    stop: () => brake.stop(),
  };
}
