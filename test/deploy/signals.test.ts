import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectDefaultMetrics } from 'prom-client';
import { parse } from 'yaml';
import { createMetrics } from '../../src/telemetry/metrics';
import { containerEnvironment, ours, ROOT, SINK_ENV_FILES } from './support/compose';
import {
  alertRules,
  dashboardExpressions,
  dashboards,
  metricNames,
  PROMETHEUS_FOLDER,
  seriesOf,
} from './support/expressions';
import { metricsPort } from './support/program';

/** Series that Prometheus itself makes. */
const OF_PROMETHEUS = ['up', 'ALERTS'];

/** Names of the series that a CloudSync process exports, without those of Temporal's SDK. */
async function exportedSeries(): Promise<string[]> {
  const { registry } = createMetrics();
  collectDefaultMetrics({ register: registry });
  const metrics = (await registry.getMetricsAsJSON()) as unknown as {
    name: string;
    type: string;
  }[];
  registry.clear();
  return metrics.flatMap(seriesOf);
}

test('metricNames finds the names of metrics in an expression', () => {
  expect(
    metricNames(
      'sum by (stream) (rate(a_total{x="b_total", y=~\'c.*\'}[5m] offset 15m)) / on (d) group_left () e:f > 0.5 or vector(0)',
    ),
  ).toEqual(['a_total', 'e:f']);
  expect(metricNames('histogram_quantile(0.9, sum(rate(g_bucket[5m])) by (le)) unless h')).toEqual([
    'g_bucket',
    'h',
  ]);
});

test.each(alertRules())('alert $alert reads metrics that exist', async ({ expr }) => {
  const known = [...OF_PROMETHEUS, ...(await exportedSeries())];
  expect(metricNames(expr)).not.toEqual([]);
  expect(metricNames(expr).filter((name) => !known.includes(name))).toEqual([]);
});

describe.each(dashboards())('dashboard %s', (_, dashboard) => {
  test('reads only metrics that exist, and every metric of CloudSync', async () => {
    const exported = await exportedSeries();
    const names = dashboardExpressions(dashboard).flatMap(({ expr }) => metricNames(expr));
    // An integration test compares the names of Temporal's SDK with those that a worker exports.
    const ours = names.filter((name) => !name.startsWith('temporal_'));
    const known = [...OF_PROMETHEUS, ...exported];
    expect([...new Set(ours)].filter((name) => !known.includes(name))).toEqual([]);
    const all = await createMetrics().registry.getMetricsAsJSON();
    const shown = (name: string) => names.some((one) => one.startsWith(name));
    expect(all.map(({ name }) => name).filter((name) => !shown(name))).toEqual([]);
  });

  test('limits every query to the data source and the streams that the user selects', () => {
    const { panels, templating } = dashboard;
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'stream']);
    for (const { title, type, datasource, targets } of panels) {
      if (type === 'row') continue;
      expect({ title, uid: datasource!.uid }).toEqual({ title, uid: '${datasource}' });
      for (const { expr } of targets!)
        expect(expr).toMatch(/=~"(cloudsync-)?\$(stream|job)"|ALERTS/);
    }
  });

  test('gives each panel a title, a unit and a position of its own', () => {
    const { panels, schemaVersion } = dashboard;
    expect(schemaVersion).toBeGreaterThanOrEqual(41);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = new Set<string>();
    for (const { type, title, gridPos, targets, fieldConfig } of panels) {
      expect(['row', 'stat', 'timeseries']).toContain(type);
      expect(title).not.toBe('');
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells).not.toContain(`${x},${y}`);
          cells.add(`${x},${y}`);
        }
      }
      if (type === 'row') continue;
      expect(fieldConfig!.defaults.unit).toBeDefined();
      const ids = targets!.map(({ refId }) => refId);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });
});

test('every alert has a severity, a summary, and a section that says what to do', () => {
  const operations = readFileSync(join(ROOT, 'docs', 'guides', 'operations.md'), 'utf8');
  const sections = [...operations.matchAll(/^### (CloudSync\w+)$/gm)].map(([, name]) => name!);
  const rules = alertRules();
  expect(sections).toEqual(rules.map(({ alert }) => alert));
  for (const { alert, labels, annotations } of rules) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
    expect(annotations.runbook).toBe(`docs/guides/operations.md#${alert.toLowerCase()}`);
  }
});

test('every alert has a test in which it fires and one in which it does not', () => {
  const text = readFileSync(join(PROMETHEUS_FOLDER, 'rules_test.yml'), 'utf8');
  const { tests } = parse(text) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const cases = tests.flatMap((one) => one.alert_rule_test);
  const named = (fires: boolean) =>
    new Set(
      cases
        .filter(({ exp_alerts: expected }) => expected.length > 0 === fires)
        .map(({ alertname }) => alertname),
    );
  const alerts = alertRules().map(({ alert }) => alert);
  expect(alerts.filter((name) => !named(true).has(name))).toEqual([]);
  // Each test in which an alert fires also has a second stream or process that stays quiet.
  expect(alerts.filter((name) => !named(false).has(name))).toEqual([]);
});

test('Prometheus scrapes services of Compose that exist, at the port of their metrics', () => {
  const config = parse(readFileSync(join(PROMETHEUS_FOLDER, 'prometheus.yml'), 'utf8')) as {
    rule_files: string[];
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  const { static_configs: statics } = config.scrape_configs.find(
    ({ job_name: name }) => name === 'cloudsync',
  )!;
  const targets = statics.flatMap((one) => one.targets);
  const expected = ours
    .filter(([name]) => /^(bridge-|worker$|api$)/.test(name))
    .map(([name, service]) => {
      const env = containerEnvironment(service, SINK_ENV_FILES[0]!);
      return `${name}:${metricsPort(service.command!, env)}`;
    });
  expect(targets.toSorted()).toEqual(expected.toSorted());
});
