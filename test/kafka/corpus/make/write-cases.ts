import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineOf, type CorpusCase } from '../case-file';
import type { NamedCase } from './capture';

const CASES = join(__dirname, '..', 'cases');

/** Writes the cases. With `all`, it deletes all other cases. */
export function writeCases(cases: NamedCase[], all: boolean): void {
  if (all) rmSync(CASES, { recursive: true, force: true });
  mkdirSync(CASES, { recursive: true });
  for (const { name, bytes, content } of cases) {
    writeFileSync(join(CASES, `${name}.bin`), bytes);
    writeFileSync(join(CASES, `${name}.json`), printed(content));
  }
}

/** Prints a case with a line for each field and each record, so that differences are easy to read. */
function printed(content: CorpusCase): string {
  const fields = Object.entries(content).map(([field, value]) => {
    const text =
      field === 'records' && Array.isArray(content.records)
        ? `[\n${content.records.map((record) => `    ${lineOf(record)}`).join(',\n')}\n  ]`
        : JSON.stringify(value);
    return `  ${JSON.stringify(field)}: ${text}`;
  });
  return `{\n${fields.join(',\n')}\n}\n`;
}
