import { createRecordReader, type Kafka } from '../clients/kafka';
import type { AnyStream } from '../domain/stream';
import { deadLetterEntry, readDeadLetters, type DeadLetterEntry } from './dead-letters';
import { newestFirst } from './failed-list';

export interface ListDeadLettersOptions {
  /** At most this many, the newest. */
  limit?: number | undefined;
  onProgress?: (read: number) => void;
}

/** Dead letters on the streams' dead-letter topics, newest first. */
export async function listDeadLetters(
  kafka: Kafka,
  streams: AnyStream[],
  { limit = Infinity, onProgress }: ListDeadLettersOptions = {},
): Promise<DeadLetterEntry[]> {
  // Streams may share a topic.
  const owners = new Map(streams.map((stream) => [stream.deadLetterTopic, stream]));
  const reader = createRecordReader(kafka);
  let entries: DeadLetterEntry[] = [];
  let read = 0;
  try {
    for (const [topic, owner] of owners) {
      for await (const letter of readDeadLetters(kafka, reader, topic)) {
        entries.push(deadLetterEntry(streams, owner, letter));
        onProgress?.(++read);
        // Holds what may still be asked for, not the topic.
        if (entries.length >= 2 * limit + 1_000) entries = newestFirst(entries).slice(0, limit);
      }
    }
  } finally {
    await reader.close();
  }
  return newestFirst(entries).slice(0, limit);
}
