import type { AnyStream } from '../../domain/stream/stream';
import { stateTopic } from '../../domain/stream/state-topic';
import type { Kafka } from '../../kafka/kafka';
import { existingEnds } from '../topic/read-topic';
import type { StatusCounts } from './letter-index';
import { LetterIndexer } from './letter-indexer';

/** Records that a count reads. A command reads some 20,000 a second. */
const MAX_READ = 5_000;

/** Counts the stream's dead letters by status; null if more than 5,000 records would have to be read. */
export async function countByStatus(kafka: Kafka, stream: AnyStream): Promise<StatusCounts | null> {
  let records = 0;
  for (const topic of [stream.deadLetterTopic, stateTopic(stream)]) {
    for (const { low, high } of (await existingEnds(kafka, topic)) ?? []) records += high - low;
  }
  if (records > MAX_READ) return null;
  const indexer = new LetterIndexer(kafka, stream);
  try {
    await indexer.catchUp();
    return { ...indexer.index.counts };
  } finally {
    await indexer.close();
  }
}
