import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin, type Kafka } from '../../kafka/kafka';
import { errorMessage } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import { parseObject } from '../partition/partition-counters';
import type { PartitionWindow } from '../partition/partition-window';

/** Reads what earlier owners committed; retries until it is known, or not any more at a stop. */
export async function loadCommitted(
  kafka: Kafka,
  all: ReadonlyMap<number, PartitionWindow>,
  isStopping: () => boolean,
  deps: { stream: { name: string; topic: string; groupId: string }; logger: Logger },
): Promise<void> {
  const { groupId, topic, name } = deps.stream;
  for (;;) {
    // Before the answer: it says nothing about the windows of a join that comes after it.
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
        // -1: none; -2, as kafkajs commits after an offset that has expired: the beginning.
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
