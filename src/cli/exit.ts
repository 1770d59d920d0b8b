import { CommanderError } from 'commander';
import { errorWithCause, UsageError } from '../domain/errors';
import { printable, say } from './output';

const EXIT = { failed: 1, usage: 2 } as const;

/** Says what went wrong and sets the exit code: 1 failed, 2 wrong usage. */
export function exitWith(error: unknown): void {
  if (error instanceof CommanderError) {
    // Commander has said it; its own exit code for a usage error is 1.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  const usage = error instanceof UsageError;
  // What a server says goes to a terminal: line by line, as several lines are ours.
  const text = usage ? error.message : errorWithCause(error);
  say(`cloudsync: ${text.split('\n').map(printable).join('\n')}`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
