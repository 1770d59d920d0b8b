import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommitMetadata } from '../../domain/commit-metadata';
import type { GroupClient } from '../../kafka/group-client';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import type { PartitionWindow } from '../partition/partition-window';

/**
 * Loads into the windows what earlier owners committed: offset, log, chain and totals. If Kafka does not answer, this
 * function tries again until the consumer stops.
 */
export async function loadCommitted(
  group: Pick<GroupClient, 'committed'>,
  all: ReadonlyMap<number, PartitionWindow>,
  stopping: AbortSignal,
  { stream, logger }: { stream: { name: string }; logger: Logger },
): Promise<void> {
  for (;;) {
    // The windows are listed before the request, because its answer does not cover windows that a later join opens.
    const windows = [...all.values()].filter(({ counters }) => !counters.loaded);
    if (windows.length === 0) return;
    try {
      const committed = await group.committed();
      const partitions = new Map(committed.map((one) => [one.partition, one]));
      for (const window of windows) {
        // A second join may have asked for the same windows, and this process may have committed since.
        if (window.counters.loaded) continue;
        const { offset, metadata } = partitions.get(window.partition) ?? {};
        const known = parseCommitMetadata(metadata);
        // -1: nothing is committed. -2: the beginning, which kafkajs commits when the committed offset has expired.
        if (Number(offset) >= 0) {
          window.initialOffset = Number(offset);
          window.initialChainEnd = known.chainEnd;
          if (known.log) window.log.load(known.log, Number(offset));
        }
        window.counters.load(known);
      }
    } catch (error) {
      const fields = { stream: stream.name, error: errorMessage(error) };
      logger.warn(fields, 'Could not read the committed offsets');
      if (stopping.aborted) return;
      await sleep(1_000);
    }
  }
}
