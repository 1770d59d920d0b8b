/**
 * A Markdown table as Prettier formats it, so that the pages need no further formatting. Leaves out a column if all its
 * cells are empty.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = header.map((_, column) => rows.some((row) => row[column] !== ''));
  const lines = [header, ...rows].map((row) =>
    row.filter((_, column) => used[column]).map((cell) => cell.replaceAll('|', String.raw`\|`)),
  );
  const widths = lines[0]!.map((_, column) =>
    Math.max(3, ...lines.map((cells) => cells[column]!.length)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const [first, ...others] = lines.map(line);
  return [first, line(widths.map((width) => '-'.repeat(width))), ...others].join('\n');
}

/** A text as Markdown code. */
export const code = (text: string) => `\`${text}\``;
