import { GZIP, kafkaErrorType, toKafkaHeaders, type Kafka, type Message } from '../../kafka/kafka';
import type { SendInTransaction } from '../../kafka/producer/transactional-producer';
import { OffsetOutOfRangeError, type RecordReader } from '../../kafka/reader';
import {
  deadLetterHeader,
  originalHeaders,
  sentBackHeaders,
} from '../../domain/workflow/dead-letter';
import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import { contentDigest } from '../../domain/record/content-digest';
import { readTopic, type PartitionRange } from '../topic/read-topic';
import type { LetterProgress } from '../dead-letters/state-entries';
import type { Letter, LetterContent } from './replay-letters';

/** Where a letter's record is sent back to. */
export interface Target {
  topic: string;
  partition: number;
}

/**
 * The partition that the record came from. If it no longer exists, the one that the key chooses; without a key,
 * the one that the offset chooses.
 */
export function targetPartition(
  source: RecordPosition,
  { keyHash }: Pick<LetterContent, 'keyHash'>,
  partitions: number,
): number {
  return source.partition < partitions ? source.partition : (keyHash ?? source.offset) % partitions;
}

/** Reads the record of a letter from the dead-letter topic; undefined if retention has deleted it. */
export async function readLetter(
  reader: Pick<RecordReader, 'read'>,
  { topic, partition, offset }: RecordPosition,
): Promise<KafkaRecord | undefined> {
  try {
    for await (const record of reader.read(topic, partition, offset, offset + 1)) return record;
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
  }
  return undefined;
}

/**
 * Sends a letter's record to its topic: key, value, headers and timestamp byte for byte. Two further headers say
 * how often it was sent back, and from which letter. Returns the record's new position.
 */
export async function sendBack(
  send: SendInTransaction,
  letter: Letter,
  record: KafkaRecord,
  { topic, partition }: Target,
): Promise<RecordPosition> {
  const { key, value, timestamp, exactTimestamp = String(timestamp) } = record;
  const headers = toKafkaHeaders([
    ...originalHeaders(record),
    ...sentBackHeaders(letter.deadLetter, letter.replays + 1),
  ]);
  const messages: Message[] = [{ key, value, timestamp: exactTimestamp, partition, headers }];
  const { baseOffset } = await send({ topic, messages }).catch((error: unknown) => {
    // The record may have arrived compressed at first, and a broker's limit is for the bytes that it receives.
    if (kafkaErrorType(error) !== 'MESSAGE_TOO_LARGE') throw error;
    return send({ topic, messages, compression: GZIP });
  });
  return { topic, partition, offset: Number(baseOffset) };
}

/** The lowest offset at which a record that was sent back may lie on the partition. */
export function searchFrom(
  source: RecordPosition,
  partition: number,
  range: PartitionRange,
  { sending }: LetterProgress,
): number {
  if (sending?.partition === partition) return sending.end;
  // The record lies behind its original, unless the topic was deleted and created again.
  const behind = source.partition === partition && source.offset < range.high;
  return behind ? source.offset + 1 : range.low;
}

/**
 * Finds which of the letters have been sent back to the topic already, and where their records lie. A header
 * names the letter. The content must also be the letter's, because anybody may write a header.
 */
export async function findSentBack(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
  ranges: PartitionRange[],
  letters: Letter[],
  onProgress: (read: number) => void = () => undefined,
): Promise<Map<Letter, RecordPosition>> {
  const found = new Map<Letter, RecordPosition>();
  const byName = new Map(letters.map((letter) => [letter.name, letter]));
  let read = 0;
  for await (const record of readTopic(kafka, reader, topic, ranges)) {
    const letter = byName.get(deadLetterHeader(record, 'replay-of') ?? '');
    if (letter?.content.digest === contentDigest(record)) {
      const { partition, offset } = record;
      found.set(letter, { topic, partition, offset });
    }
    onProgress(++read);
  }
  return found;
}

export function sentAlready(position: RecordPosition): string {
  return `sent back already: ${describePosition(position)}`;
}
