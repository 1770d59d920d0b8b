import type { ErrorTypeFacts } from '../../src/domain/errors';
import type { Sections } from './sections';
import { code, table } from './table';

/** The sections of errors.md: every type of error, with what decides whether another attempt is made. */
export function errorsSections(types: Readonly<Record<string, ErrorTypeFacts>>): Sections {
  const rows = Object.entries(types).map(([type, { givenBy, anotherAttempt }]) => {
    return [code(type), givenBy, anotherAttempt];
  });
  const header = ['class, as in dead letters and the UI', 'given by', 'another attempt'];
  return { classes: table(header, rows) };
}
