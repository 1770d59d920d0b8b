import type { InvalidReason, KafkaRecord } from '../../domain/record/record';
import type { Ordering } from '../../domain/stream/stream';
import { keyHash } from '../../domain/workflow/key-hash';
import type { ChunkRecords, Candidate } from './chunk-records';

/** A record that is not settled: valid, or not. */
export type Item =
  | { record: KafkaRecord; candidate: Candidate; reason?: undefined }
  | { record: KafkaRecord; candidate?: undefined; reason: InvalidReason };

/** The records of one key that are not settled, in their order. A record without a key is a group by itself. */
export interface KeyGroup {
  keyHash: string | undefined;
  queue: Item[];
  /** The predecessor that the group has waited for did not end soon. */
  isSlow?: boolean;
}

export async function groupByKey(records: ChunkRecords, ordering: Ordering): Promise<KeyGroup[]> {
  const groups = new Map<unknown, KeyGroup>();
  for (const [record, parsed] of await records.parse()) {
    const item: Item = parsed.ok
      ? { record, candidate: records.candidate(record, parsed.messageId, parsed.message) }
      : { record, reason: parsed.reason };
    const hash = keyHash(ordering, record);
    const group = groups.get(hash ?? record);
    if (group) group.queue.push(item);
    else groups.set(hash ?? record, { keyHash: hash, queue: [item] });
  }
  return [...groups.values()];
}
