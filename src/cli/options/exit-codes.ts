import type { Command } from 'commander';

/** What each exit code says. docs/reference/commands.md lists them. */
export const EXIT_CODES = {
  0: 'done',
  1: 'failed, or an outcome that the help of the command names',
  2: 'wrong usage, or wrong settings',
  141: 'the reader of the results has gone, as for `ls` in `ls | head`',
} as const;

const OUTCOMES = new WeakMap<Command, string>();

/** Says in a command's help which outcome makes the command exit with 1, although nothing went wrong in the command. */
export function withExit1(command: Command, when: string): Command {
  OUTCOMES.set(command, when);
  return command.addHelpText('after', `\nExits with 1 when ${when}.`);
}

/** The outcome that {@link withExit1} has named, if there is one. */
export function exit1Of(command: Command): string | undefined {
  return OUTCOMES.get(command);
}
