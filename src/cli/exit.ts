import { CommanderError } from 'commander';
import { errorMessage, UsageError } from '../domain/errors';
import { say } from './output';

const EXIT = { failed: 1, usage: 2 } as const;

/** Says what went wrong and sets the exit code: 1 failed, 2 wrong usage. */
export function exitWith(error: unknown): void {
  if (error instanceof CommanderError) {
    // Commander has said it; its own exit code for a usage error is 1.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  say(`cloudsync: ${withCause(error)}`);
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** Clients say what they tried; why it failed is in the cause. */
function withCause(error: unknown): string {
  const message = errorMessage(error);
  const cause = (error as { cause?: unknown } | null)?.cause;
  if (error instanceof UsageError || cause === undefined) return message;
  const reason = errorMessage(cause);
  return message.includes(reason) ? message : `${message}: ${reason}`;
}
