import { CommanderError } from 'commander';
import { errorWithCause, UsageError } from '../domain/errors';
import { say } from './output';

const EXIT = { failed: 1, usage: 2 } as const;

/** Says what went wrong and sets the exit code: 1 failed, 2 wrong usage. */
export function exitWith(error: unknown): void {
  if (error instanceof CommanderError) {
    // Commander has said it; its own exit code for a usage error is 1.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  const usage = error instanceof UsageError;
  say(`cloudsync: ${usage ? error.message : errorWithCause(error)}`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
