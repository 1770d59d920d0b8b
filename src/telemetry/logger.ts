import { pino, type DestinationStream, type Logger } from 'pino';
import { errorMessage } from '../domain/errors';
import { readableLine } from './log-line';
import { printableJson } from '../lib/unprintable';

export type { Logger } from 'pino';

/** From the gravest to the most talkative; `silent` logs nothing. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Log lines on stderr: stdout belongs to the results of commands. JSON, or text for a person if stderr is a
 * terminal.
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

/** Ids in a log line come from anybody, and a person may watch it in a terminal. */
function withoutSteering(
  destination: DestinationStream & { flushSync?(): void },
  shown: (line: string) => string,
) {
  return {
    write: (line: string) => destination.write(shown(line)),
    // Pino calls it after a fatal error.
    flushSync: () => destination.flushSync?.(),
  };
}

/**
 * What is said of an error and its causes. Not the other fields that pino would take along: clients
 * hang requests on their errors, with headers and keys in them.
 */
function errorFields(error: unknown) {
  if (typeof error !== 'object' || error === null || !('message' in error)) {
    return errorMessage(error);
  }
  const { type, message, stack } = pino.stdSerializers.err(error as Error);
  const { code } = error as { code?: unknown };
  return { type, message, stack, ...(['string', 'number'].includes(typeof code) && { code }) };
}

/** One exact line, whichever layer saw it, so that it can be searched for and counted. */
export const DUPLICATE_SKIPPED = 'Duplicate message detected and skipped';
