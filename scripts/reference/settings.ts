import type { z } from 'zod';
import { FACTS, type VariableFacts } from '../../src/settings/variables/facts';
import type { Sections } from './sections';
import { code, table } from './table';

type Variables = Readonly<Record<string, z.ZodType>>;

/** The sections of settings.md: a table for each group of variables. Throws if a variable has no meaning. */
export function settingsSections(groups: Readonly<Record<string, Variables>>): Sections {
  return Object.fromEntries(
    Object.entries(groups).map(([group, variables]) => [group, settingsTable(variables)]),
  );
}

function settingsTable(variables: Variables): string {
  const rows = Object.entries(variables).map(([name, schema]) => {
    const facts = FACTS.get(schema);
    if (!facts) throw new Error(`${name} has no meaning: add .register(FACTS, { meaning: … })`);
    return [code(name), defaultOf(name, schema, facts), facts.unit ?? '', facts.meaning];
  });
  return table(['variable', 'default', 'unit', 'meaning'], rows);
}

/** What counts if the variable is not set: in words, or else the value that the schema or the facts give. */
function defaultOf(name: string, schema: z.ZodType, facts: VariableFacts): string {
  if (facts.otherwise !== undefined) return facts.otherwise;
  const value = schema.parse(undefined) ?? facts.default;
  if (value === undefined) return 'none';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return code(String(value));
  if (Array.isArray(value)) return value.length > 0 ? code(value.join()) : 'none';
  throw new Error(`${name} has a default that is no text: add \`otherwise\` to its facts`);
}
