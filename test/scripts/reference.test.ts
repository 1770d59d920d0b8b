import { Gauge } from 'prom-client';
import { z } from 'zod';
import { commandsSections } from '../../scripts/reference/commands';
import { errorsSections } from '../../scripts/reference/errors';
import { metricsSections } from '../../scripts/reference/metrics';
import { PAGES, pageOf } from '../../scripts/reference/pages';
import { fillIn, type Sections } from '../../scripts/reference/sections';
import { settingsSections } from '../../scripts/reference/settings';
import { createProgram } from '../../src/cli/program';
import { INVALID_RECORD_TYPES } from '../../src/domain/record/record';
import { environmentSchema, VARIABLES } from '../../src/settings/environment-schema';
import { FACTS } from '../../src/settings/variables/facts';
import { createMetrics } from '../../src/telemetry/metrics';

/** Whether `npm run docs:reference -- --check` calls a page stale. */
function isStale(name: string, sections: Sections): boolean {
  const { kept, made } = pageOf(name, sections);
  return kept !== made;
}

test.each(Object.keys(PAGES))(
  'docs/reference/%s is what `npm run docs:reference` writes',
  (name) => {
    const { kept, made } = pageOf(name);
    expect(made).toBe(kept);
  },
);

test('metrics.md is stale when a metric is added', () => {
  const { registry } = createMetrics();
  new Gauge({ name: 'cloudsync_new', help: 'New', registers: [registry] });
  expect(isStale('metrics.md', metricsSections(registry))).toBe(true);
});

test('commands.md is stale when a command or an option is added', () => {
  const added = createProgram();
  added.command('new').description('new');
  expect(isStale('commands.md', commandsSections(added))).toBe(true);
  const optioned = createProgram();
  optioned.commands[0]!.option('--new', 'new');
  expect(isStale('commands.md', commandsSections(optioned))).toBe(true);
});

test('a command without a description is refused, and so is an option', () => {
  const program = createProgram();
  const command = program.command('new');
  expect(() => commandsSections(program)).toThrow('command new has no description');
  command.description('new').option('--new');
  expect(() => commandsSections(program)).toThrow('--new of command new has no description');
});

test('errors.md is stale when a type of error is missing', () => {
  expect(isStale('errors.md', errorsSections(INVALID_RECORD_TYPES))).toBe(true);
});

test('settings.md has every variable that is read', () => {
  const listed = Object.values(VARIABLES).flatMap((group) => Object.keys(group));
  expect(listed.toSorted()).toEqual(Object.keys(environmentSchema.shape).toSorted());
});

function withSetting(schema: z.ZodType) {
  return { ...VARIABLES, Kafka: { ...VARIABLES.Kafka, KAFKA_NEW: schema } };
}

test('settings.md is stale when a setting is added', () => {
  const schema = z.string().default('a').register(FACTS, { meaning: 'new' });
  expect(isStale('settings.md', settingsSections(withSetting(schema)))).toBe(true);
});

test('a setting without a meaning is refused', () => {
  expect(() => settingsSections(withSetting(z.string()))).toThrow('KAFKA_NEW has no meaning');
});

test('text outside of the generated sections stays as it is', () => {
  const page = 'Before\n<!-- generated: a -->\nold\n<!-- end -->\nAfter\n';
  expect(fillIn(page, { a: 'new' })).toBe(
    'Before\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\nAfter\n',
  );
});

test('a page without a place for a section is refused, and so is a place for an unknown section', () => {
  const page = '<!-- generated: a -->\n<!-- end -->\n';
  expect(() => fillIn(page, { a: '', b: '' })).toThrow('no place for b');
  expect(() => fillIn(page, {})).toThrow('nothing generates a');
});
