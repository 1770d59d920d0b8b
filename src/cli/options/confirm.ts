import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { UsageError } from '../../domain/errors';

/** Before any work is done for a question that nobody can answer. */
export function requireTerminal(): void {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('no terminal to ask on: add --yes');
  }
}

/** Asks on stderr; anything but yes is no. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D close it without an answer.
    const closed = once(terminal, 'close').then(() => '');
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
