import type { RememberedChunks } from '../../activities/chunk/dependencies';
import type { ChunkInput } from '../../domain/workflow/chunk';
import { newProgress, type ChunkProgress } from '../../domain/workflow/chunk-progress';
import type { KafkaRecord } from '../../domain/record/record';

/** The records of open chunks, so that the process which consumed them need not read them again. */
export class ChunkMemory implements RememberedChunks {
  readonly #chunks = new Map<string, ChunkProgress>();

  /**
   * Returns how to let go of them. A chunk that comes again while it is open, as after a rebalance, stays
   * with who held it first.
   */
  remember(chunk: ChunkInput, records: KafkaRecord[]): () => void {
    const key = keyOf(chunk);
    if (this.#chunks.has(key)) return () => undefined;
    this.#chunks.set(key, newProgress(records));
    return () => void this.#chunks.delete(key);
  }

  get(chunk: ChunkInput): ChunkProgress | undefined {
    return this.#chunks.get(keyOf(chunk));
  }
}

/** With what tells the log: one that was made anew, or has lost its end, has the same offsets a second time. */
function keyOf(chunk: ChunkInput): string {
  const { topic, partition, first, last, timestamp, topicId, epoch } = chunk;
  return [topic, partition, first, last, timestamp, topicId, epoch].join('/');
}
