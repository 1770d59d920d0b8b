import type { KafkaRecord } from '../record/record';

/** What is known of a chunk's records, kept from one attempt in the same process to the next. */
export interface ChunkProgress {
  readonly records: KafkaRecord[];
  /** Offsets of records that need nothing more from this chunk. */
  readonly settled: Set<number>;
  /** Offsets of those that may have got workflows of their own, whose start was not answered in time. */
  readonly leaving: Set<number>;
  /**
   * Under an order of keys: those of which a record has left, and the workflow of the last one, until that is
   * known to have ended.
   */
  readonly left: Map<string, string>;
  duplicates: number;
  handedOn: number;
  /** Records that the stream passes by. */
  filtered: number;
}

export function newProgress(records: KafkaRecord[]): ChunkProgress {
  const [settled, leaving] = [new Set<number>(), new Set<number>()];
  return { records, settled, leaving, left: new Map(), duplicates: 0, handedOn: 0, filtered: 0 };
}
