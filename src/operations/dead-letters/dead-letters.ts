import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { deadLetterHeader, recordOfLetter } from '../../domain/workflow/dead-letter';
import { keyLabel, labelsOf } from '../../domain/workflow/record-labels';
import { parseRecord, withoutFilters } from '../../domain/workflow/parse';
import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { FailedEntry } from '../runs/failed-entry';
import { readTopic, topicRanges } from '../topic/read-topic';

/** A dead letter as lists show it. A field is `null` if the letter lacks its header. */
export interface DeadLetterEntry extends FailedEntry {
  /** How often the record was sent back to its topic. */
  replays: number;
  /** The letter from which the record was last sent back, `<topic>/<partition>@<offset>`. */
  replayOf: string | null;
  /** Position of the letter itself. */
  deadLetter: RecordPosition;
}

/**
 * Yields the letters of a dead-letter topic, each once. An activity that was retried may have written its letter
 * twice. Yields nothing if the topic does not exist.
 */
export async function* readDeadLetters(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
): AsyncGenerator<KafkaRecord> {
  const ranges = (await topicRanges(kafka, topic)) ?? [];
  yield* withoutRepeats(readTopic(kafka, reader, topic, ranges));
}

/** Yields the letters of the streams' dead-letter topics. `owner` is one of the streams that use the topic. */
export async function* deadLettersOf(
  kafka: Kafka,
  streams: AnyStream[],
): AsyncGenerator<{ owner: AnyStream; letter: KafkaRecord }> {
  // Streams may share a topic.
  const owners = new Map(streams.map((stream) => [stream.deadLetterTopic, stream]));
  const reader = createRecordReader(kafka);
  try {
    for (const [topic, owner] of owners) {
      for await (const letter of readDeadLetters(kafka, reader, topic)) yield { owner, letter };
    }
  } finally {
    await reader.close();
  }
}

export async function* withoutRepeats(
  letters: AsyncIterable<KafkaRecord>,
): AsyncGenerator<KafkaRecord> {
  const seen = new Set<string>();
  for await (const letter of letters) {
    const workflowId = deadLetterHeader(letter, 'workflow-id');
    const runId = deadLetterHeader(letter, 'run-id');
    if (workflowId && runId) {
      const key = `${runId} ${workflowId}`;
      if (seen.has(key)) continue;
      seen.add(key);
    }
    yield letter;
  }
}

/** Whether the letter's record came from the stream. Streams may share a dead-letter topic. */
export function isLetterOf(stream: AnyStream, letter: KafkaRecord): boolean {
  return (
    deadLetterHeader(letter, 'topic') === stream.topic &&
    (deadLetterHeader(letter, 'stream') ?? stream.name) === stream.name
  );
}

/**
 * Describes a letter. `owner` is a stream that uses the letter's dead-letter topic; it counts as the letter's
 * stream if the letter names none.
 */
export async function deadLetterEntry(
  streams: AnyStream[],
  owner: AnyStream,
  letter: KafkaRecord,
): Promise<DeadLetterEntry> {
  const name = deadLetterHeader(letter, 'stream') ?? owner.name;
  const stream = streams.find((one) => one.name === name) ?? owner;
  // Not `parseOrThrow`: letters can be listed even while the stream's code fails to decode.
  const parsed = await parseRecord(withoutFilters(stream), recordOfLetter(letter));
  return entryOf(letter, name, stream, parsed.ok ? parsed.messageId : null);
}

/** Describes a letter whose message id is known. `stream` reads the raw id of a record without a message id. */
export function entryOf(
  letter: KafkaRecord,
  name: string,
  stream: AnyStream,
  messageId: string | null,
): DeadLetterEntry {
  const header = (name: Parameters<typeof deadLetterHeader>[1]) =>
    deadLetterHeader(letter, name) ?? null;
  const { topic, partition, offset } = letter;
  const rawId = () => header('raw-id') ?? labelsOf(stream, recordOfLetter(letter)).rawId ?? null;
  return {
    stream: name,
    messageId,
    key: keyLabel(letter.key) ?? header('key'),
    rawId: messageId === null ? rawId() : null,
    topic: header('topic'),
    partition: integer(header('partition')),
    offset: integer(header('offset')),
    workflowId: header('workflow-id'),
    runId: header('run-id'),
    errorType: header('error-type'),
    errorMessage: header('error-message'),
    attempts: integer(header('attempts')),
    failedAt: time(header('failed-at')),
    replays: integer(header('replays')) ?? 0,
    replayOf: header('replay-of'),
    deadLetter: { topic, partition, offset },
  };
}

/** Original position of the letter's record; undefined unless the letter has all parts of the position. */
export function originalPosition(letter: KafkaRecord): RecordPosition | undefined {
  const topic = deadLetterHeader(letter, 'topic');
  const partition = integer(deadLetterHeader(letter, 'partition'));
  const offset = integer(deadLetterHeader(letter, 'offset'));
  if (topic === undefined || partition === null || offset === null) return undefined;
  return { topic, partition, offset };
}

/** What two letters of the same record have in common: the workflow, or the record's position and timestamp. */
export function letterIdentities(
  workflowId: string | null | undefined,
  source: RecordPosition | undefined,
  timestamp: number,
): string[] {
  return [
    ...(workflowId == null ? [] : [`workflow ${workflowId}`]),
    ...(source ? [`record ${describePosition(source)} ${timestamp}`] : []),
  ];
}

/** When the letter's record was given up, in milliseconds since the epoch; 0 if the letter does not say. */
export function failedAtOf(letter: KafkaRecord): number {
  return Date.parse(time(deadLetterHeader(letter, 'failed-at') ?? null) ?? '') || 0;
}

/** Anybody may write to the topic, so a header that is not a number or not a time counts as absent. */
export function integer(header: string | null | undefined): number | null {
  return header && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

export function time(header: string | null): string | null {
  const milliseconds = header === null ? NaN : Date.parse(header);
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}
