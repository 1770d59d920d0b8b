import { createMetrics } from '../../../src/telemetry/metrics';
import { BridgeProcesses } from '../support/bridge-processes';
import { messageValue, until } from '../support/world';

jest.setTimeout(120_000);

let processes: BridgeProcesses;
afterEach(() => processes.close());

/** The streams of each metric's samples, by the name of the metric without suffix. */
function streamsByMetric(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const match = /^(cloudsync_\w+?)(?:_bucket|_sum|_count)?\{.*stream="([^"]+)"/.exec(line);
    if (!match) continue;
    const streams = found.get(match[1]!) ?? new Set();
    found.set(match[1]!, streams.add(match[2]!));
  }
  return found;
}

test("a bridge worker exports every metric of both streams, and the metrics of Temporal's SDK", async () => {
  processes = await BridgeProcesses.create(1, {}, ['aws', 'azure']);
  const { url } = await processes.start();
  const { topic } = processes.stream;
  await processes.world.send(topic, [{ key: 'a', value: messageValue('a') }]);
  const metrics = async () => (await fetch(new URL('/metrics', url))).text();
  const lines = [
    'cloudsync_records_total{stream="aws",outcome="delivered"} 1',
    'cloudsync_records_total{stream="azure",outcome="delivered"} 1',
    // This sample exists after the first measurement of the lag.
    `cloudsync_consumer_lag{stream="aws",topic="${topic}",partition="0"} 0`,
    `cloudsync_lag_seconds{stream="azure",topic="${topic}",partition="0"} 0`,
  ];
  await until('delivered', async () => {
    const text = await metrics();
    return lines.every((line) => text.includes(line));
  });
  const text = await metrics();
  const seen = streamsByMetric(text);
  const names = (await createMetrics().registry.getMetricsAsJSON())
    .map(({ name }) => name)
    // These metrics belong to the process and to the HTTP producer.
    .filter((name) => name !== 'cloudsync_ready' && !name.startsWith('cloudsync_ingest_'));
  expect(names.length).toBeGreaterThan(15);
  for (const name of names)
    expect([name, [...(seen.get(name) ?? [])].sort()]).toEqual([name, ['aws', 'azure']]);
  expect(text).toMatch(/^temporal_worker_task_slots_available\{.*\} \d+$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
});
