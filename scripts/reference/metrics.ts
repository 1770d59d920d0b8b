import type { Registry } from 'prom-client';
import type { Sections } from './sections';
import { code, table } from './table';

/** What a metric of prom-client has beyond its type declaration. */
interface Labelled {
  labelNames: readonly string[];
}

/** The sections of metrics.md: every metric of a registry, in the order in which they were made. */
export function metricsSections(registry: Registry): Sections {
  const rows = registry.getMetricsAsArray().map((metric) => {
    const { labelNames } = metric as typeof metric & Labelled;
    return [code(metric.name), String(metric.type), labelNames.join(', '), metric.help];
  });
  return { metrics: table(['metric', 'type', 'labels', 'meaning'], rows) };
}
