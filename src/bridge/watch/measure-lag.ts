import type { Metrics } from '../../telemetry/metrics';
import type { PartitionWindow } from '../partition/partition-window';
import type { WindowState } from './stall-cause';
import type { StallCause, Stalls } from './stalls';

/** Measures how far a partition lags behind its log, which goes from `low` to `high`, and whether it is stalled. */
export function measureLag(
  window: PartitionWindow,
  low: number,
  high: number,
  stalls: Stalls,
  deps: {
    stream: { name: string; topic: string };
    metrics: Metrics;
    stallCause(window: WindowState): StallCause;
  },
): void {
  const { stream, metrics } = deps;
  const { partition, watermark, size, initialOffset, standsAt, committed } = window;
  const { fetchFault: fault, commitFault } = window;
  const lag = Math.max(high - (watermark ?? initialOffset ?? low), 0);
  const labels = { stream: stream.name, topic: stream.topic, partition };
  metrics.consumerLag.set(labels, lag);
  const position = committed ?? standsAt ?? low;
  const uncommitted = watermark !== undefined && watermark > position;
  const waiting = size > 0;
  const works = uncommitted || waiting || high > Math.max(window.next ?? position, low);
  stalls.observe(partition, { position, works }, () =>
    deps.stallCause({ partition, uncommitted, commitFault, waiting, fault }),
  );
  // A record that was not fetched, or only waits for its commit, has no known age. The time for which the partition
  // has had work and made no progress stands for it.
  const ageMs = Math.max(window.oldestAgeMs(), stalls.waitingMs(partition));
  metrics.lagSeconds.set(labels, high > position ? ageMs / 1_000 : 0);
}

/**
 * Removes the lag of a partition whose leader could not be asked. Nothing is fetched then, and the lag is not known.
 * The last measured lag would look like that of a partition that makes progress.
 */
export function lagIsUnknown(
  { partition, committed, standsAt }: PartitionWindow,
  stalls: Stalls,
  { stream, metrics }: { stream: { name: string; topic: string }; metrics: Metrics },
): void {
  const labels = { stream: stream.name, topic: stream.topic, partition };
  metrics.consumerLag.remove(labels);
  const position = committed ?? standsAt ?? 0;
  stalls.observe(partition, { position, works: true }, () => ({
    reason: 'no_fetch',
    detail: 'the partition has no leader, or its leader can not be reached',
  }));
  metrics.lagSeconds.set(labels, stalls.waitingMs(partition) / 1_000);
}
