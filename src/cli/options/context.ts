import { createKafka, type Kafka } from '../../kafka/kafka';
import { connectTemporal, type TemporalClient } from '../../temporal/temporal';
import { installTemporalRuntime } from '../../temporal/runtime';
import { environment, loadSettings, type Settings } from '../../settings/config';
import type { AnyStream } from '../../domain/stream/stream';
import { loadStreams } from './load-streams';
import { createLogger, type Logger } from '../../telemetry/logger';

/** Options of every command that works on streams. */
export interface StreamFlags {
  stream?: string[];
  streams?: string;
}

export interface CommandContext {
  settings: Settings;
  streams: AnyStream[];
  logger: Logger;
}

/** Loads the settings, the logger and the streams that a command was asked to work on. Default: all streams. */
export async function commandContext(flags: StreamFlags = {}): Promise<CommandContext> {
  const settings = loadSettings({
    ...environment(),
    ...(flags.streams && { CLOUDSYNC_STREAMS: flags.streams }),
  });
  const logger = createLogger(settings.logLevel);
  return { settings, logger, streams: await loadStreams(settings, flags.stream) };
}

/** The context of a command for operators. */
export interface OperationContext extends CommandContext {
  kafka: Kafka;
  temporal: TemporalClient;
}

/**
 * A person waits, so a command tries for about 6 s. A broker that has just been started needs about that long.
 */
const COMMAND_RETRY = { initialRetryTime: 200, maxRetryTime: 3_000, retries: 5 };

/** Kafka for a command, which a person waits for. Logs only errors, because the command prints the result. */
export function commandKafka(settings: Settings): Kafka {
  return createKafka(settings.kafka, createLogger('error'), COMMAND_RETRY);
}

/** Runs a command with both servers. Logs only errors, because the command prints the result. */
export async function withServers<T>(
  flags: StreamFlags,
  run: (context: OperationContext) => Promise<T>,
): Promise<T> {
  const context = await commandContext(flags);
  const logger = createLogger('error');
  installTemporalRuntime(logger);
  const temporal = await connectTemporal(context.settings.temporal);
  try {
    return await run({
      ...context,
      logger,
      temporal,
      kafka: commandKafka(context.settings),
    });
  } finally {
    await temporal.close();
  }
}
