import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';

/** What of a Compose file does not match the schema of the Compose Specification. */
export function composeFaults(compose: unknown): ErrorObject[] {
  // The schema of github.com/compose-spec/compose-spec (Apache-2.0), as the package dclint carries it.
  const schemas = join(dirname(require.resolve('dclint/package.json')), 'schemas');
  const text = readFileSync(join(schemas, 'compose.schema.json'), 'utf8');
  const schema = JSON.parse(text) as Record<string, unknown>;
  // Ajv would look for another schema under the address in `$schema`. The dialect is draft 7.
  delete schema.$schema;
  // Formats such as `duration` are Compose's own, which no JSON Schema validator knows.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(schema);
  validate(compose);
  return validate.errors ?? [];
}
