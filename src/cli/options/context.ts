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

/** Settings, logger and the streams a command was asked to work on; all of them by default. */
export async function commandContext(flags: StreamFlags = {}): Promise<CommandContext> {
  const settings = loadSettings({
    ...environment(),
    ...(flags.streams && { CLOUDSYNC_STREAMS: flags.streams }),
  });
  const logger = createLogger(settings.logLevel);
  return { settings, logger, streams: await loadStreams(settings, flags.stream) };
}

/** What operators' commands read from. */
export interface OperationContext extends CommandContext {
  kafka: Kafka;
  temporal: TemporalClient;
}

/** A person waits: some 6 s for a broker that is away, as one that has just started needs. */
const COMMAND_RETRY = { initialRetryTime: 200, maxRetryTime: 3_000, retries: 5 };

/** Kafka for a command, which has an end that a person waits for. Logs errors only, because the command says the result. */
export function commandKafka(settings: Settings): Kafka {
  return createKafka(settings.kafka, createLogger('error'), COMMAND_RETRY);
}

/** Runs a command against both servers. Its logs are warnings only: the command prints the result. */
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
