import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { readTopicId } from '../../kafka/reader';
import { UsageError } from '../../domain/errors';
import { parseOrThrow, type Parsed } from '../../domain/workflow/parse';
import { isLabelled } from '../../domain/workflow/record-labels';
import {
  barePosition,
  describePosition,
  isInvalidType,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { originalPosition, type DeadLetterEntry } from '../dead-letters/dead-letters';
import { positionOf, sourceOf as sourceOfLetter } from '../replay/replay-letters';
import { isOfOtherLog, markOfLetter, SeenLog } from './trace-log';
import { findLetters, recordAt, scanTopics, type FoundRecords } from './trace-records';
import { traceStream, type StreamTrace } from './trace-stream';

/**
 * A message by its id, or a record by its position on a topic or a dead-letter topic. The id may also be the key
 * or the raw id of an invalid record.
 */
export type TraceSubject = { messageId: string } | { record: RecordPosition };

export interface MessageTrace {
  /** Null for a record that is not a message. */
  messageId: string | null;
  record: RecordPosition | null;
  streams: StreamTrace[];
}

export interface TraceOptions {
  /** Reads the topics from end to end for records of the message. */
  scan: boolean;
  onProgress?: (text: string) => void;
}

export async function trace(
  kafka: Kafka,
  client: Client,
  streams: AnyStream[],
  subject: TraceSubject,
  { scan, onProgress = () => undefined }: TraceOptions,
): Promise<MessageTrace> {
  const asked = 'record' in subject ? await sourceOf(kafka, streams, subject.record) : undefined;
  const source = asked?.position;
  const concerned = source ? streams.filter(({ topic }) => topic === source.topic) : streams;
  // A dead letter may name a partition that the topic no longer has since it was created again.
  const there = source && (await recordAt(kafka, source, asked.letter === undefined));
  const isGone = there && asked.letter && isOfOtherLog(there, markOfLetter(asked.letter));
  const record = isGone ? undefined : there;
  const place = record ? barePosition(record) : source;
  // A bridge worker that began to read inside an unreadable batch has dead-lettered the batch from that offset.
  // So the offset that was asked for counts as well as the batch's first one.
  const here = [place, source].flatMap((one) => (one ? describePosition(one) : []));
  const isHere = (one: RecordPosition | undefined) =>
    one !== undefined && here.includes(describePosition(one));
  const parsed = new Map<AnyStream, Parsed>();
  if (record) {
    for (const stream of concerned) parsed.set(stream, await parseOrThrow(stream, record));
  }
  const messageIds = new Map(
    concerned.map((stream) => [stream, messageIdFor(subject, parsed.get(stream))]),
  );
  const letters = await findLetters(
    kafka,
    concerned,
    (entry) =>
      'messageId' in subject ? isOf(entry, subject.messageId) : isHere(positionOf(entry)),
    onProgress,
  );
  const unread: { topic: string; text: string }[] = [];
  const scanned =
    scan && 'messageId' in subject
      ? await scanTopics(kafka, concerned, subject.messageId, onProgress, (topic, text) =>
          unread.push({ topic, text }),
        )
      : undefined;
  const traces: StreamTrace[] = [];
  /** By topic, so that each topic is asked once even if several streams read it. */
  const topicIds = new Map<string, string | undefined>();
  for (const stream of concerned) {
    const found = record ? foundAlone(record, parsed.get(stream)) : foundBy(scanned, stream);
    const seen = asked?.letter && !record ? sourceRecord(asked.letter) : found.records;
    const inChunks = stream.execution.lane === 'chunk';
    const someRecord = there ?? found.records[0];
    if (inChunks && someRecord && !topicIds.has(stream.topic)) {
      topicIds.set(stream.topic, await readTopicId(kafka, stream.topic, someRecord.partition));
    }
    const topicId = inChunks && someRecord ? topicIds.get(stream.topic) : undefined;
    const log = new SeenLog(seen, { topicId, isGone: isGone === true });
    const deadLetters = letters
      .get(stream)!
      .map(({ entry, mark }) => ({ ...entry, otherLog: log.isOther(positionOf(entry), mark) }));
    const messageId =
      messageIds.get(stream) ??
      deadLetters.find((one) => one.messageId !== null && !one.otherLog)?.messageId ??
      null;
    messageIds.set(stream, messageId);
    onProgress(`workflows of stream ${stream.name}`);
    traces.push(
      await traceStream(client, stream, {
        messageId,
        place,
        ...found,
        log,
        deadLetters: deadLetters.sort((a, b) => (a.failedAt ?? '').localeCompare(b.failedAt ?? '')),
        scanned: scanned !== undefined || place !== undefined,
        unread: unread.filter(({ topic }) => topic === stream.topic).map(({ text }) => text),
      }),
    );
  }
  const messageId = [...messageIds.values()].find((id) => id !== null) ?? null;
  return { messageId, record: place ?? null, streams: traces };
}

/** Whether the letter is of the message, or of a record without a valid id whose key or raw id is `asked`. */
function isOf({ messageId, key, rawId, errorType }: DeadLetterEntry, asked: string): boolean {
  if (messageId === asked) return true;
  return (messageId === null || isInvalidType(errorType)) && isLabelled({ key, rawId }, asked);
}

/**
 * The record that a position leads to. On a dead-letter topic a letter lies there, which names its record's
 * position.
 */
async function sourceOf(
  kafka: Kafka,
  streams: AnyStream[],
  place: RecordPosition,
): Promise<{ position: RecordPosition; letter?: KafkaRecord }> {
  if (streams.some(({ topic }) => topic === place.topic)) return { position: place };
  if (!streams.some(({ deadLetterTopic }) => deadLetterTopic === place.topic)) {
    throw new UsageError(
      `no stream reads topic ${JSON.stringify(place.topic)} or dead-letters to it`,
    );
  }
  const letter = await recordAt(kafka, place, true);
  const position = letter && originalPosition(letter);
  if (!position) throw new UsageError(`there is no dead letter ${describePosition(place)}`);
  return { position, letter };
}

/** The record of a letter as it lay on the topic; none if the letter does not name the record's timestamp. */
function sourceRecord(letter: KafkaRecord): KafkaRecord[] {
  const { timestamp } = markOfLetter(letter);
  return timestamp === undefined ? [] : [{ ...sourceOfLetter(letter), timestamp }];
}

function foundAlone(record: KafkaRecord, parsed: Parsed | undefined): FoundRecords {
  return { records: [record], filtered: parsed && 'filtered' in parsed ? [record] : [] };
}

function foundBy(
  scanned: Map<AnyStream, FoundRecords> | undefined,
  stream: AnyStream,
): FoundRecords {
  return scanned?.get(stream) ?? { records: [], filtered: [] };
}

function messageIdFor(subject: TraceSubject, parsed: Parsed | undefined): string | null {
  if ('messageId' in subject) return subject.messageId;
  return parsed?.ok ? parsed.messageId : null;
}
