import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const DEPLOY = join(__dirname, '..', '..', '..', 'deploy');

export interface Expression {
  /** The place of the expression, for error messages. */
  where: string;
  expr: string;
}
export interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: Record<string, string>;
}
interface Target {
  refId: string;
  expr: string;
}
export interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { type: string; uid: string };
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: Target[];
  fieldConfig?: { defaults: { unit?: string } };
}
export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  annotations: { list: { name: string; expr: string }[] };
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
}

export const PROMETHEUS_FOLDER = join(DEPLOY, 'prometheus');

export function alertRules(): Rule[] {
  const text = readFileSync(join(PROMETHEUS_FOLDER, 'rules.yml'), 'utf8');
  return (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
}

/** All dashboards, by file name. */
export function dashboards(): [string, Dashboard][] {
  const folder = join(DEPLOY, 'grafana');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dashboard]);
}

/** All queries of a dashboard, including the queries of its variables and annotations. */
export function dashboardExpressions(dashboard: Dashboard): Expression[] {
  const { panels, annotations, templating } = dashboard;
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({ where: `panel ${title} ${refId}`, expr })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ where: `annotation ${name}`, expr })),
    ...templating.list.flatMap(({ name, query }) => {
      const text = typeof query === 'string' ? query : query.query;
      const expr = /^label_values\((.+), \w+\)$/.exec(text)?.[1];
      return expr ? [{ where: `variable ${name}`, expr }] : [];
    }),
  ];
}

/** The expression that Grafana sends to Prometheus when the user selects `aws` and `azure`. */
export function withVariables(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$stream', '(aws|azure)')
    .replaceAll('$job', '(cloudsync)');
}

const WORDS =
  /^(and|or|unless|offset|bool|by|without|on|ignoring|group_left|group_right|inf|nan|start|end)$/i;

/** The metrics that a PromQL expression reads, each once. */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const names = [...bare.matchAll(/(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(
    ([name]) => name,
  );
  return [...new Set(names)].filter((name) => !WORDS.test(name));
}

/** The names of a metric's series on /metrics. */
export function seriesOf({ name, type }: { name: string; type: string }): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
}
