import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProgram } from '../../src/cli/program';
import { DELIVERY_FAILURE_TYPES } from '../../src/domain/errors';
import { INVALID_RECORD_TYPES } from '../../src/domain/record/record';
import { WORKFLOW_FAILURE_TYPES } from '../../src/domain/workflow/failure';
import { VARIABLES } from '../../src/settings/environment-schema';
import { createMetrics } from '../../src/telemetry/metrics';
import { commandsSections } from './commands';
import { errorsSections } from './errors';
import { idsSections } from './ids';
import { metricsSections } from './metrics';
import { fillIn, type Sections } from './sections';
import { settingsSections } from './settings';

const ERROR_TYPES = {
  ...DELIVERY_FAILURE_TYPES,
  ...WORKFLOW_FAILURE_TYPES,
  ...INVALID_RECORD_TYPES,
};

const ROOT = join(__dirname, '..', '..');

/** The generated pages of docs/reference, and what makes the sections of each. */
export const PAGES: Readonly<Record<string, () => Sections>> = {
  'commands.md': () => commandsSections(createProgram()),
  'errors.md': () => errorsSections(ERROR_TYPES),
  'ids.md': idsSections,
  'settings.md': () => settingsSections(VARIABLES),
  'metrics.md': () => metricsSections(createMetrics().registry),
};

/** A page as it is, and as the code says that it must be. */
export function pageOf(
  name: string,
  sections = PAGES[name]!(),
): { path: string; kept: string; made: string } {
  const path = join(ROOT, 'docs', 'reference', name);
  const kept = readFileSync(path, 'utf8');
  try {
    return { path, kept, made: fillIn(kept, sections) };
  } catch (error) {
    throw new Error(`docs/reference/${name}: ${(error as Error).message}`, { cause: error });
  }
}
