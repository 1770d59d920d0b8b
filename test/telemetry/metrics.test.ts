import { createMetrics, startAtZero } from '../../src/telemetry/metrics';

test('rare counters have a sample of 0 before their first event', async () => {
  const metrics = createMetrics();
  expect(await metrics.registry.metrics()).not.toContain('stream=');
  startAtZero(metrics, 'aws');
  const text = await metrics.registry.metrics();
  expect(text).toContain('cloudsync_records_total{stream="aws",outcome="dead_lettered"} 0');
  expect(text).toContain('cloudsync_duplicates_total{stream="aws",layer="sink"} 0');
  expect(text).toContain('cloudsync_records_expired_total{stream="aws"} 0');
  expect(text).toContain('cloudsync_id_collisions_total{stream="aws"} 0');
});
