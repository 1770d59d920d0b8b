import type { Kafka } from '../../kafka/kafka';
import { createRecordReader } from '../../kafka/reader';
import { deadLetterHeader, originalHeaders } from '../../domain/workflow/dead-letter';
import {
  describeTimestamp,
  encodeContent,
  type KafkaRecord,
  type RecordContent,
} from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { deadLetterEntry, deadLettersOf, type DeadLetterEntry } from './dead-letters';
import { readTopic, topicRanges } from '../topic/read-topic';

/** A dead letter with its original record. */
export interface DeadLetterDetails extends DeadLetterEntry {
  /** Key, value and headers as text, or as `{base64}` if they are not UTF-8. */
  record: RecordContent & { timestamp: string | null };
}

/** Finds the newest dead letter of a workflow on the streams' dead-letter topics. */
export async function showDeadLetterOf(
  kafka: Kafka,
  streams: AnyStream[],
  workflowId: string,
): Promise<DeadLetterDetails | undefined> {
  let newest: DeadLetterDetails | undefined;
  for await (const { owner, letter } of deadLettersOf(kafka, streams)) {
    if (deadLetterHeader(letter, 'workflow-id') !== workflowId) continue;
    const details = await detailsOf(streams, owner, letter);
    if (!newest || (details.failedAt ?? '') >= (newest.failedAt ?? '')) newest = details;
  }
  return newest;
}

/** The dead letter at a position on the stream's dead-letter topic. Undefined if no letter lies there. */
export async function showDeadLetterAt(
  kafka: Kafka,
  stream: AnyStream,
  position: { partition: number; offset: number },
): Promise<DeadLetterDetails | undefined> {
  const letter = await deadLetterAt(kafka, stream, position);
  return letter && detailsOf([stream], stream, letter);
}

/** The record of the dead letter at a position on the stream's dead-letter topic. Undefined if no letter lies there. */
export async function deadLetterAt(
  kafka: Kafka,
  stream: AnyStream,
  { partition, offset }: { partition: number; offset: number },
): Promise<KafkaRecord | undefined> {
  const topic = stream.deadLetterTopic;
  const range = (await topicRanges(kafka, topic))?.find((one) => one.partition === partition);
  if (!range || offset < range.low || offset >= range.high) return undefined;
  const reader = createRecordReader(kafka);
  try {
    const one = { partition, low: offset, high: offset + 1 };
    for await (const letter of readTopic(kafka, reader, topic, [one])) return letter;
    return undefined;
  } finally {
    await reader.close();
  }
}

/** Describes a letter with its original record. `owner` is one of the streams that use the letter's topic. */
export async function detailsOf(
  streams: AnyStream[],
  owner: AnyStream,
  letter: KafkaRecord,
): Promise<DeadLetterDetails> {
  const content = encodeContent({ ...letter, headers: originalHeaders(letter) });
  const timestamp = describeTimestamp(letter.timestamp);
  return { ...(await deadLetterEntry(streams, owner, letter)), record: { timestamp, ...content } };
}
