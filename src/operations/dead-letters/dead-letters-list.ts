import type { Kafka } from '../../kafka/kafka';
import type { AnyStream } from '../../domain/stream/stream';
import { deadLetterEntry, deadLettersOf, type DeadLetterEntry } from './dead-letters';
import { newestFirst } from '../failed/failed-list';

export interface ListDeadLettersOptions {
  /** Limit for the number of dead letters, newest first. Default: all. */
  limit?: number | undefined;
  onProgress?: (read: number) => void;
}

/** Lists the dead letters on the streams' dead-letter topics, newest first. */
export async function listDeadLetters(
  kafka: Kafka,
  streams: AnyStream[],
  { limit = Infinity, onProgress }: ListDeadLettersOptions = {},
): Promise<DeadLetterEntry[]> {
  let entries: DeadLetterEntry[] = [];
  let read = 0;
  for await (const { owner, letter } of deadLettersOf(kafka, streams)) {
    entries.push(await deadLetterEntry(streams, owner, letter));
    onProgress?.(++read);
    // However large the topic is, memory holds at most `2 * limit + 1,000` entries.
    if (entries.length >= 2 * limit + 1_000) entries = newestFirst(entries).slice(0, limit);
  }
  return newestFirst(entries).slice(0, limit);
}
