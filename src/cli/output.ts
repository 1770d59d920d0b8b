/** Results go to stdout, words for people to stderr: a pipe never meets a log line. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, null, 2);
  // JSON leaves DEL and the C1 controls raw, and a terminal obeys some of them.
  const safe = text.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  process.stdout.write(`${safe}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Removes what could steer a terminal: ids, headers and messages may come from anybody. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
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
