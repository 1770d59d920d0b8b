import type { RememberedChunks } from '../../activities/chunk/dependencies';
import type { ChunkInput } from '../../domain/workflow/chunk';
import { newProgress, type ChunkProgress } from '../../domain/workflow/chunk-progress';
import type { KafkaRecord } from '../../domain/record/record';

/** Remembers the records of open chunks, so that the process that consumed the records need not read them again. */
export class ChunkMemory implements RememberedChunks {
  readonly #chunks = new Map<string, ChunkProgress>();

  /**
   * Remembers the records of a chunk, and returns the function that forgets them. If the chunk is remembered already,
   * as after a rebalance, only the function of the first call forgets it.
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

/** The key identifies the log too. A log that was created again, or has lost its end, has the same offsets again. */
function keyOf(chunk: ChunkInput): string {
  const { topic, partition, first, last, timestamp, topicId, epoch } = chunk;
  return [topic, partition, first, last, timestamp, topicId, epoch].join('/');
}
