import { setTimeout as sleep } from 'node:timers/promises';
import { errorWithCause } from '../../domain/errors';
import { unlessAborted } from '../../lib/unless-aborted';
import { printable } from '../../lib/unprintable';

const CURSOR_UP = (lines: number) => `\u001b[${lines}A`;
const CLEAR_BELOW = '\r\u001b[J';

/**
 * Shows the text of `draw` again and again, until SIGINT or SIGTERM. On a terminal each text replaces the one
 * before. Elsewhere an empty line separates the texts. If `draw` fails, the last text stays, with the error and
 * its age. An error of the first `draw` is thrown.
 */
export async function watch(
  intervalMs: number,
  draw: () => Promise<string>,
  output: Pick<NodeJS.WriteStream, 'isTTY' | 'write' | 'columns'> = process.stdout,
): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  let shown: string | undefined;
  let last: { picture: string; at: number } | undefined;
  try {
    while (!stopping.signal.aborted) {
      let text: string;
      try {
        // A server that is away must not delay the end.
        const drawn = await unlessAborted(draw(), stopping.signal);
        if (!drawn) return;
        last = { picture: drawn.value, at: Date.now() };
        text = `${last.picture}\n\n${new Date(last.at).toTimeString().slice(0, 8)}, Ctrl-C ends\n`;
      } catch (error) {
        if (!last) throw error;
        const age = Math.round((Date.now() - last.at) / 1_000);
        text = `${last.picture}\n\n${age} s old: ${printable(errorWithCause(error))}\n`;
      }
      if (output.isTTY && shown !== undefined) {
        // A terminal wraps its lines again when it is resized, so the rows are counted at its present width.
        output.write(CURSOR_UP(rows(shown, output.columns)) + CLEAR_BELOW);
      }
      output.write(text);
      shown = text;
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** The rows that a text takes on the terminal, which may be narrower than the text's lines. */
function rows(text: string, columns = Number.POSITIVE_INFINITY): number {
  return text
    .split('\n')
    .slice(0, -1)
    .reduce((sum, line) => sum + Math.max(Math.ceil(line.length / columns), 1), 0);
}
