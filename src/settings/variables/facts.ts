import { z } from 'zod';

/** What docs/reference/settings.md says about a variable beyond what its schema says. */
export interface VariableFacts {
  /** What the value is, or what it is for; in Markdown. Links start in docs/reference. */
  meaning: string;
  /** Unit of the value. Absent: the value has none. */
  unit?: string;
  /** The value that counts if the variable is not set. Needed only if the schema does not fill it in. */
  default?: string | number | boolean;
  /** What counts if the variable is not set, in words: for a default that is no value. In Markdown. */
  otherwise?: string;
}

/** The facts of each variable's schema. `npm run docs:reference` fails if a variable has none. */
export const FACTS = z.registry<VariableFacts>();

/** A list of values as a sentence has it, in Markdown: `a`, `b` or `c`. */
export function anyOf(values: readonly string[]): string {
  const all = values.map((value) => `\`${value}\``);
  return `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}
