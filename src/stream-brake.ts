import type { Client } from '@temporalio/client';
import type { DeadLetterWriter } from './activities/dead-letter-writer';
import { Brake, OPEN_GATE, type Gate } from './bridge/brake';
import { HELD_BY_KEY } from './domain/hold';
import type { AnyStream } from './domain/stream';
import type { Logger } from './logger';
import type { Metrics } from './metrics';

/** The brake of one stream in one process, with what it is told by and what it tells. */
export interface StreamBrake {
  gate: Gate;
  /** Absent where the stream has none. */
  brake?: Brake;
  /** Dead letters by this writer count. */
  counting(writer: DeadLetterWriter): DeadLetterWriter;
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
      counting: (writer) => writer,
      notices: () => ({}),
      stop: () => undefined,
    };
  }
  const brake = new Brake({ client, stream, limits, metrics, logger });
  return {
    gate: brake,
    brake,
    counting: (writer) => ({
      async write(...args) {
        await writer.write(...args);
        const { type } = args[2];
        // One bad key is no bad stream.
        if (type !== HELD_BY_KEY) brake.deadLettered(type);
      },
    }),
    notices: () => {
      const notice = brake.notice();
      return notice ? { [`brake ${name}`]: notice } : {};
    },
    stop: () => brake.stop(),
  };
}
