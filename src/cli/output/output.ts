import { printable, printableJson } from '../../lib/unprintable';

/** Results go to stdout, words for people to stderr: a pipe never meets a log line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Rows under a header, columns as wide as their widest cell. Numbers are right-aligned. */
export function table(header: string[], rows: (string | number)[][]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => printable(String(cell))))];
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => [...row[column]!].length)),
  );
  const numeric = header.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          numeric[column] && rows.length > 0
            ? cell.padStart(widths[column]!)
            : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Shows progress on long work, where a person watches. Overwrites one line. */
export function progressLine(): (text: string) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (text) => process.stderr.write(text === '' ? '\r\u001b[K' : `\r\u001b[K${text}`);
}
