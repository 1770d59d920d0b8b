import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin, type Kafka } from '../../kafka/kafka';
import { parseObject } from '../../domain/commit-metadata';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import type { PartitionWindow } from '../partition/partition-window';

/**
 * Loads into the windows what earlier owners committed: offset, log, chain and totals. If Kafka does not answer, this
 * function tries again until the consumer stops.
 */
export async function loadCommitted(
  kafka: Kafka,
  all: ReadonlyMap<number, PartitionWindow>,
  isStopping: () => boolean,
  deps: { stream: { name: string; topic: string; groupId: string }; logger: Logger },
): Promise<void> {
  const { groupId, topic, name } = deps.stream;
  for (;;) {
    // The windows are listed before the request, because its answer does not cover windows that a later join opens.
    const windows = [...all.values()].filter(({ counters }) => !counters.loaded);
    if (windows.length === 0) return;
    try {
      const committed = await withAdmin(
        kafka,
        (admin) => admin.fetchOffsets({ groupId, topics: [topic] }),
        { leaderless: true },
      );
      const partitions = new Map(committed[0]!.partitions.map((one) => [one.partition, one]));
      for (const window of windows) {
        const { offset, metadata } = partitions.get(window.partition) ?? {};
        // -1: nothing is committed. -2: the beginning, which kafkajs commits when the committed offset has expired.
        if (Number(offset) >= 0) {
          window.initialOffset = Number(offset);
          const { log, chain } = parseObject(metadata);
          window.log.load(log, Number(offset));
          if (Number.isSafeInteger(chain)) window.initialChain = chain as number;
        }
        window.counters.load(metadata);
      }
    } catch (error) {
      const fields = { stream: name, error: errorMessage(error) };
      deps.logger.warn(fields, 'Could not read the committed offsets');
      if (isStopping()) return;
      await sleep(1_000);
    }
  }
}
