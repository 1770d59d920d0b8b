import {
  GZIP,
  kafkaErrorType,
  toKafkaHeaders,
  type Kafka,
  type Message,
  type Producer,
} from '../../kafka/kafka';
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
import { readTopic, type PartitionRange } from '../topic/read-topic';
import type { LetterProgress } from './replay-audit';
import { contentDigest, type Letter, type LetterContent } from './replay-letters';

/** Where a letter's record goes: to a partition of its topic, at `end` or behind. */
export interface Target {
  topic: string;
  partition: number;
  end: number;
}

/** The partition that the record came from; where that is no more, the one of its key. */
export function targetPartition(
  source: RecordPosition,
  { keyHash }: Pick<LetterContent, 'keyHash'>,
  partitions: number,
): number {
  return source.partition < partitions ? source.partition : (keyHash ?? source.offset) % partitions;
}

/** The record of a letter, as it is on the dead-letter topic; undefined where retention has taken it. */
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
 * Sends a letter's record to its topic: key, value, headers and timestamp byte for byte, and two headers
 * that say how often it was sent back and from which letter. Tried once: a send without an answer may
 * have arrived. Returns where the record lies.
 */
export async function sendBack(
  producer: Pick<Producer, 'send'>,
  letter: Letter,
  record: KafkaRecord,
  { topic, partition }: Target,
): Promise<RecordPosition> {
  const { key, value, timestamp, exactTimestamp = String(timestamp) } = record;
  const headers = [
    ...originalHeaders(record),
    ...sentBackHeaders(letter.deadLetter, letter.replays + 1),
  ];
  const message = { key, value, timestamp: exactTimestamp, partition };
  const messages: Message[] = [{ ...message, headers: toKafkaHeaders(headers) }];
  const send = (compression: object) =>
    producer.send({ topic, acks: -1, messages, ...compression });
  const sent = await send({}).catch((error: unknown) => {
    // The record came compressed, perhaps, and a broker's limit is for what it gets.
    if (kafkaErrorType(error) !== 'MESSAGE_TOO_LARGE') throw error;
    return send({ compression: GZIP });
  });
  const offset = sent[0]?.baseOffset;
  if (offset === undefined) throw new Error(`${topic} has no partition ${partition}`);
  return { topic, partition, offset: Number(offset) };
}

/** Where on its partition a record may lie that was sent back: from here on. */
export function searchFrom(
  source: RecordPosition,
  partition: number,
  range: PartitionRange,
  { sending }: LetterProgress,
): number {
  if (sending?.partition === partition) return sending.end;
  // Behind the record itself, unless the topic was made anew.
  const behind = source.partition === partition && source.offset < range.high;
  return behind ? source.offset + 1 : range.low;
}

/**
 * Which of the letters have been sent back to the topic already, and where the record lies. The header
 * tells; the content must be the letter's, as anybody may write a header.
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
