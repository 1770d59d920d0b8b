import type { AnyStream } from '../../domain/stream/stream';
import type { Metrics } from '../../telemetry/metrics';
import { PartitionCounters } from '../partition/partition-counters';
import { PartitionWindow, type WindowLimits } from '../partition/partition-window';
import { ReadLog } from '../partition/read-log';
import type { Stalls } from '../watch/stalls';

/** The size of a window, which is in memory. The records behind it stay in Kafka. */
const DEFAULT_LIMITS: WindowLimits = { records: 1_000, bytes: 8 * 1024 * 1024 };

/** Holds one window for each partition that the group has assigned to this consumer. Every other window is revoked. */
export class PartitionWindows {
  readonly #byPartition = new Map<number, PartitionWindow>();
  /**
   * Totals that belong to no partition of this process, and what revoked partitions still count. The next commit moves
   * them into a partition's counters.
   */
  readonly processCounters = new PartitionCounters();

  constructor(
    private readonly deps: {
      stream: AnyStream;
      limits?: WindowLimits;
      metrics: Pick<Metrics, 'consumerLag' | 'lagSeconds'>;
      stalls: Stalls;
    },
  ) {}

  get byPartition(): ReadonlyMap<number, PartitionWindow> {
    return this.#byPartition;
  }

  countersOf(partition: number): PartitionCounters {
    return this.#byPartition.get(partition)?.counters ?? this.processCounters;
  }

  open(partition: number, counters = new PartitionCounters(), log = new ReadLog()) {
    const { stream, limits = DEFAULT_LIMITS } = this.deps;
    const { lane } = stream.execution;
    const window = new PartitionWindow(stream.topic, partition, limits, counters, lane, log);
    this.#byPartition.set(partition, window);
    return window;
  }

  /** Opens a new window in place of a window whose offsets have lost their meaning. The counters stay the same. */
  replace(old: PartitionWindow, log: ReadLog): PartitionWindow {
    old.revoked = true;
    this.deps.stalls.forget(old.partition);
    return this.open(old.partition, old.counters, log);
  }

  /** Revokes each window whose partition is not among the kept ones, and removes its metrics. */
  revokeExcept(kept: ReadonlySet<number>): void {
    const { stream, metrics, stalls } = this.deps;
    for (const [partition, window] of this.#byPartition) {
      if (kept.has(partition)) continue;
      window.revoked = true;
      window.counters.leaveTo(this.processCounters);
      this.#byPartition.delete(partition);
      stalls.forget(partition);
      for (const gauge of [metrics.consumerLag, metrics.lagSeconds]) {
        gauge.remove({ stream: stream.name, topic: stream.topic, partition });
      }
    }
  }
}
