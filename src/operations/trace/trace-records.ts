import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { UsageError } from '../../domain/errors';
import { parseOrThrow } from '../../domain/workflow/parse';
import { isLabelled, labelsOf } from '../../domain/workflow/record-labels';
import type { KafkaRecord, RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { deadLetterEntry, deadLettersOf, type DeadLetterEntry } from '../dead-letters/dead-letters';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { markOfLetter, type RecordMark } from './trace-log';
import { readLetter } from '../replay/replay-send-back';

const PROGRESS_INTERVAL = 1_000;

/** A dead letter, and what it says of its record. */
export interface FoundLetter {
  entry: DeadLetterEntry;
  mark: RecordMark;
}

/** Finds the letters on the streams' dead-letter topics that `belongs` accepts. */
export async function findLetters(
  kafka: Kafka,
  streams: AnyStream[],
  belongs: (entry: DeadLetterEntry) => boolean,
  onProgress: (text: string) => void,
): Promise<Map<AnyStream, FoundLetter[]>> {
  const found = new Map(streams.map((stream) => [stream, [] as FoundLetter[]]));
  let read = 0;
  for await (const { owner, letter } of deadLettersOf(kafka, streams)) {
    const entry = await deadLetterEntry(streams, owner, letter);
    const stream = streams.find(({ name }) => name === entry.stream);
    if (stream && belongs(entry)) {
      found.get(stream)!.push({ entry, mark: markOfLetter(letter) });
    }
    if (++read % PROGRESS_INTERVAL === 0) onProgress(`${read} dead letters read`);
  }
  return found;
}

/** Records on a stream's topic. `filtered` is the part of `records` that the stream filters out. */
export interface FoundRecords {
  records: KafkaRecord[];
  filtered: KafkaRecord[];
}

/**
 * Reads the streams' topics from end to end, each topic once. Finds the records of a message, and the records
 * without a message id whose key or raw id is `messageId`. `onUnread` receives a text on what can't be read.
 */
export async function scanTopics(
  kafka: Kafka,
  streams: AnyStream[],
  messageId: string,
  onProgress: (text: string) => void,
  onUnread: (topic: string, text: string) => void,
): Promise<Map<AnyStream, FoundRecords>> {
  const found = new Map<AnyStream, FoundRecords>(
    streams.map((stream) => [stream, { records: [], filtered: [] }]),
  );
  const reader = createRecordReader(kafka);
  try {
    for (const topic of new Set(streams.map((stream) => stream.topic))) {
      const ranges = (await topicRanges(kafka, topic, (text) => onUnread(topic, text))) ?? [];
      const total = ranges.reduce((sum, { low, high }) => sum + high - low, 0);
      const readers = streams.filter((stream) => stream.topic === topic);
      let read = 0;
      for await (const record of readTopic(kafka, reader, topic, ranges)) {
        for (const stream of readers) {
          const parsed = await parseOrThrow(stream, record);
          const isAsked = parsed.ok
            ? parsed.messageId === messageId
            : isLabelled(labelsOf(stream, record), messageId);
          if (!isAsked) continue;
          const { records, filtered } = found.get(stream)!;
          records.push(record);
          if ('filtered' in parsed) filtered.push(record);
        }
        if (++read % PROGRESS_INTERVAL === 0) onProgress(`${read} of ${total} of ${topic} read`);
      }
    }
  } finally {
    await reader.close();
  }
  return found;
}

/**
 * Reads the record at a position, or the record that stands for the unreadable batch there. Undefined if the
 * broker has none. `isAsked`: the user has named the position. Then a missing partition throws a
 * {@link UsageError}.
 */
export async function recordAt(
  kafka: Kafka,
  { topic, partition, offset }: RecordPosition,
  isAsked: boolean,
): Promise<KafkaRecord | undefined> {
  const ranges = await topicRanges(kafka, topic);
  const range = ranges?.find((one) => one.partition === partition);
  if (ranges && !range && isAsked) {
    throw new UsageError(`topic ${topic} has no partition ${partition}`);
  }
  if (!range || offset < range.low || offset >= range.high) return undefined;
  const reader = createRecordReader(kafka);
  try {
    const record = await readLetter(reader, { topic, partition, offset });
    return (record && (await wholeBatch(reader, range, record))) ?? record;
  } finally {
    await reader.close();
  }
}

/**
 * The record that stands for an unreadable batch as a bridge worker sees it: at the batch's first offset. A
 * reader that begins inside the batch gets the record at the offset that it asked for. No checksum covers the
 * batch's own offset, so the offset counts only if the same bytes lie there.
 */
async function wholeBatch(
  reader: Pick<RecordReader, 'read'>,
  { low }: PartitionRange,
  { topic, partition, offset, value, unreadable }: KafkaRecord,
): Promise<KafkaRecord | undefined> {
  if (unreadable === undefined || value === null) return undefined;
  const first = Number(value.readBigInt64BE(0));
  if (first < low || first >= offset) return undefined;
  const batch = await readLetter(reader, { topic, partition, offset: first });
  const isSame = batch?.unreadable !== undefined && batch.value?.equals(value);
  return isSame ? batch : undefined;
}
