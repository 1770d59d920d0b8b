import type { ChunkProgress, HeldRecords } from '../activities/deliver-chunk';
import type { ChunkRange } from '../domain/chunk';
import type { KafkaRecord } from '../domain/record';

/** The records of open chunks, so that the process which consumed them need not read them again. */
export class HeldChunks implements HeldRecords {
  readonly #chunks = new Map<string, ChunkProgress>();

  hold(chunk: ChunkRange, records: KafkaRecord[]): void {
    this.#chunks.set(keyOf(chunk), { records, settled: new Set(), duplicates: 0, handedOn: 0 });
  }

  get(chunk: ChunkRange): ChunkProgress | undefined {
    return this.#chunks.get(keyOf(chunk));
  }

  release(chunk: ChunkRange): void {
    this.#chunks.delete(keyOf(chunk));
  }
}

function keyOf({ topic, partition, first, last }: ChunkRange): string {
  return `${topic}/${partition}/${first}/${last}`;
}
