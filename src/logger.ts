import { pino, type Logger } from 'pino';
import type { LogLevel } from './config';

export type { Logger } from 'pino';

/** JSON log lines on stderr: stdout belongs to the results of commands. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, redact: ['*.value', '*.password', '*.authorization'] },
    pino.destination({ dest: 2, sync: false }),
  );
}

/** One exact line, whichever layer saw it, so that it can be searched for and counted. */
export const DUPLICATE_SKIPPED = 'Duplicate message detected and skipped';
