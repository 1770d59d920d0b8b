import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { deadLetterHeader, recordOfLetter } from '../../domain/workflow/dead-letter';
import { keyLabel, labelsOf } from '../../domain/workflow/record-labels';
import { parseRecord } from '../../domain/workflow/parse';
import type { KafkaRecord, RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { FailedEntry } from '../runs/failed-entry';
import { readTopic, topicRanges } from '../topic/read-topic';

/** A dead letter as lists show it. Fields are `null` where the letter lacks the header. */
export interface DeadLetterEntry extends FailedEntry {
  /** How often the record was sent back to its topic. */
  replays: number;
  /** The letter that the record was sent back from last, `<topic>/<partition>@<offset>`. */
  replayOf: string | null;
  /** Where the letter itself lies. */
  deadLetter: RecordPosition;
}

/**
 * Everything on a dead-letter topic; nothing where the topic does not exist. An activity that was tried
 * again may have written its letter twice: it is given once.
 */
export async function* readDeadLetters(
  kafka: Kafka,
  reader: RecordReader,
  topic: string,
): AsyncGenerator<KafkaRecord> {
  const ranges = (await topicRanges(kafka, topic)) ?? [];
  yield* withoutRepeats(readTopic(kafka, reader, topic, ranges));
}

/** The letters of the streams' dead-letter topics, each with a stream whose topic that is. */
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

/** Whether the letter is of a record of the stream's topic: streams may share a dead-letter topic. */
export function isLetterOf(stream: AnyStream, letter: KafkaRecord): boolean {
  return (
    deadLetterHeader(letter, 'topic') === stream.topic &&
    (deadLetterHeader(letter, 'stream') ?? stream.name) === stream.name
  );
}

/** `owner` is the stream on whose dead-letter topic the letter lies, should it not name its own. */
export async function deadLetterEntry(
  streams: AnyStream[],
  owner: AnyStream,
  letter: KafkaRecord,
): Promise<DeadLetterEntry> {
  const name = deadLetterHeader(letter, 'stream') ?? owner.name;
  const stream = streams.find((one) => one.name === name) ?? owner;
  // A list of letters can be had while the stream can't decode.
  const parsed = await parseRecord(stream, recordOfLetter(letter));
  return entryOf(letter, name, stream, parsed.ok ? parsed.messageId : null);
}

/** The letter's entry for a record of a known message id. `stream` reads the raw id of a record that has none. */
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

/** Where the record of the letter lay, if the letter says so. */
export function originalPosition(letter: KafkaRecord): RecordPosition | undefined {
  const topic = deadLetterHeader(letter, 'topic');
  const partition = integer(deadLetterHeader(letter, 'partition'));
  const offset = integer(deadLetterHeader(letter, 'offset'));
  if (topic === undefined || partition === null || offset === null) return undefined;
  return { topic, partition, offset };
}

/** Anybody may write to the topic: what is no number or no time counts as absent. */
export function integer(header: string | null | undefined): number | null {
  return header && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

function time(header: string | null): string | null {
  const milliseconds = header === null ? NaN : Date.parse(header);
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}
