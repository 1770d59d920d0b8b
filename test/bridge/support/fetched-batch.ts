import type { FetchedBatch } from '../../../src/kafka/kafka';
import type { OffsetReader } from '../../../src/kafka/offsets';
import type { KafkaRecord } from '../../../src/domain/record/record';
import type { DecodedRecords, EpochStart } from '../../../src/kafka/records/record-set';

interface Given extends Omit<DecodedRecords, 'nextOffset' | 'epochs'> {
  topic?: string;
  fetchOffset: number;
  records: KafkaRecord[];
  /** Default: the offset after the last record. */
  nextOffset?: number;
  epochs?: EpochStart[];
  topicId?: string;
  lastEpoch?: number;
  divergence?: FetchedBatch['divergence'];
  stale?: () => boolean;
  failure?: string;
}

/** Creates a fetched batch of partition 0, as the consumer's handler gets it. */
export function fetchedBatch(given: Given): FetchedBatch {
  const { topic = 'topic', fetchOffset, records, stale = () => false, failure } = given;
  const nextOffset = given.nextOffset ?? (records.at(-1)?.offset ?? fetchOffset - 1) + 1;
  const { unreadable, epochs = [], topicId, lastEpoch, divergence } = given;
  return {
    topic,
    partition: 0,
    fetchOffset,
    failure,
    topicId,
    lastEpoch,
    divergence,
    get stale() {
      return stale();
    },
    decode: () => ({ records, nextOffset, epochs, ...(unreadable && { unreadable }) }),
  } as FetchedBatch;
}

/** Creates an offset reader of a topic whose partition 0 begins at `low` and ends at offset 1,000. */
export function fakeOffsets(low: () => Promise<number> = () => Promise.resolve(0)): OffsetReader {
  return {
    ends: async () => [{ partition: 0, low: await low(), stable: 1_000, high: 1_000 }],
    close: () => Promise.resolve(),
  };
}
