import type { KafkaRecord } from '../record/record';

/** The state of a chunk's records. It is kept from one attempt to the next in the same process. */
export interface ChunkProgress {
  readonly records: KafkaRecord[];
  /** Offsets of the records for which the chunk has nothing left to do. */
  readonly settled: Set<number>;
  /**
   * Offsets of the records whose own workflow an attempt has tried to start. If such a record is not settled,
   * the start was not answered in time, and the workflow may exist.
   */
  readonly leaving: Set<number>;
  /**
   * Only for ordered streams: per key hash, the workflow that the key's next record must wait for. The
   * workflow is from the chunk's `after`, or belongs to the key's last record that left the chunk. The entry
   * is removed once that workflow is known to have ended.
   */
  readonly left: Map<string, string>;
  duplicates: number;
  handedOn: number;
  /** Records that the stream skips. */
  filtered: number;
}

/** How many records of the chunk its sink has accepted, as far as this process knows. */
export function deliveredCount({ settled, duplicates, handedOn, filtered }: ChunkProgress): number {
  return settled.size - duplicates - handedOn - filtered;
}

export function newProgress(records: KafkaRecord[]): ChunkProgress {
  const [settled, leaving] = [new Set<number>(), new Set<number>()];
  return { records, settled, leaving, left: new Map(), duplicates: 0, handedOn: 0, filtered: 0 };
}
