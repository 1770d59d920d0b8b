import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { UsageError } from '../../domain/errors';

/** Throws a {@link UsageError} if nobody can answer a question. Call it before any work is done. */
export function requireTerminal(): void {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('no terminal to ask on: add --yes');
  }
}

/** Asks on stderr. Any answer but `y` or `yes` means no. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D close the terminal without an answer.
    const closed = once(terminal, 'close').then(() => '');
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
