import { pino, type DestinationStream, type Logger } from 'pino';
import { errorMessage } from '../domain/errors';
import { readableLine } from './log-line';
import { printableJson } from '../lib/unprintable';

export type { Logger } from 'pino';

/** From which level on lines are logged, from the gravest to the most talkative; `silent` logs nothing. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
export const LOG_LEVELS = [
  'fatal',
  'error',
  'warn',
  'info',
  'debug',
  'trace',
  'silent',
] as const satisfies readonly LogLevel[];

/**
 * Creates a logger that writes to stderr, because stdout is for the results of commands. Lines are JSON, or
 * text for people if stderr is a terminal.
 */
export function createLogger(
  level: LogLevel,
  destination?: DestinationStream,
  isTerminal = destination === undefined && process.stderr.isTTY,
): Logger {
  const options = {
    level,
    redact: ['*.value', '*.password', '*.authorization'],
    serializers: { err: errorFields, error: errorFields },
  };
  const output = destination ?? pino.destination({ dest: 2, sync: false });
  return pino(options, withoutSteering(output, isTerminal ? readableLine : printableJson));
}

/**
 * Makes log lines safe for a terminal, in which a person may watch them: ids in a log line come from anybody.
 */
function withoutSteering(
  destination: DestinationStream & { flushSync?(): void },
  shown: (line: string) => string,
) {
  return {
    write: (line: string) => destination.write(shown(line)),
    // pino calls this after a fatal error.
    flushSync: () => destination.flushSync?.(),
  };
}

/**
 * The logged fields of an error and its causes. pino would log all other fields as well, but clients attach
 * requests to their errors, with headers and keys in them.
 */
function errorFields(error: unknown) {
  if (typeof error !== 'object' || error === null || !('message' in error)) {
    return errorMessage(error);
  }
  const { type, message, stack } = pino.stdSerializers.err(error as Error);
  const { code } = error as { code?: unknown };
  return { type, message, stack, ...(['string', 'number'].includes(typeof code) && { code }) };
}

/**
 * The exact text of the log line, for every layer, so that people can search for duplicates and count them.
 */
export const DUPLICATE_SKIPPED = 'Duplicate message detected and skipped';
