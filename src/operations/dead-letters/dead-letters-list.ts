import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { describePosition, type KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { contentDigest } from '../../domain/record/content-digest';
import {
  deadLetterEntry,
  letterIdentities,
  originalPosition,
  type DeadLetterEntry,
} from './dead-letters';
import { groupIdOf } from './group-id';
import { readStates, type LetterStates, type LetterStatus } from './letter-states';
import { newestLetters } from './newest-letters';
import { newestFirst } from '../failed/failed-list';

/** A dead letter, and what became of its record. */
export interface ListedLetter extends DeadLetterEntry {
  status: LetterStatus;
}

/** Which letters a list has. A letter must match all that are given. */
export interface LetterFilters {
  statuses?: readonly LetterStatus[] | undefined;
  errorTypes?: string[] | undefined;
  messageIds?: string[] | undefined;
  /** Ids of groups, as `dlq groups` shows them. */
  groups?: string[] | undefined;
  /** Failed at this time or later. */
  since?: Date | undefined;
  /** Failed at this time or earlier. */
  until?: Date | undefined;
  /** A text that the message id, the key, the error or the workflow id contains, in any case. */
  text?: string | undefined;
}

export interface ListDeadLettersOptions extends LetterFilters {
  /** Limit for the number of dead letters, newest first. Default: all. */
  limit?: number | undefined;
  onProgress?: (read: number) => void;
  /** Whether the letter's record is the head of a held key. Default: none is. */
  isHeld?: IsHeld | undefined;
}

export type IsHeld = (letter: DeadLetterEntry) => boolean;

/** Lists the dead letters on the streams' dead-letter topics, newest first. Reads no more of the topics than it needs. */
export async function listDeadLetters(
  kafka: Kafka,
  streams: AnyStream[],
  { limit = Infinity, onProgress, isHeld, ...filters }: ListDeadLettersOptions = {},
): Promise<ListedLetter[]> {
  // Streams may share a topic.
  const owners = new Map(streams.map((stream) => [stream.deadLetterTopic, stream]));
  const reader = createRecordReader(kafka);
  const listed: ListedLetter[] = [];
  let read = 0;
  try {
    const states = new Map<string, Promise<LetterStates>>();
    for (const owner of owners.values()) {
      const end = listed.length + limit;
      for await (const letter of lettersOf(kafka, reader, streams, owner, states, isHeld)) {
        onProgress?.(++read);
        if (matches(letter, filters)) listed.push(letter);
        if (listed.length >= end || isBefore(letter, filters.since)) break;
      }
    }
  } finally {
    await reader.close();
  }
  return newestFirst(listed).slice(0, limit);
}

/** Yields the letters on a topic with what became of each, newest first. `owner` is one of the streams that use the topic. */
export async function* lettersOf(
  kafka: Kafka,
  reader: RecordReader,
  streams: AnyStream[],
  owner: AnyStream,
  states: Map<string, Promise<LetterStates>>,
  isHeld: IsHeld = () => false,
): AsyncGenerator<ListedLetter, void> {
  const later = new LaterLetters();
  for await (const letter of newestLetters(kafka, reader, owner.deadLetterTopic)) {
    const entry = await deadLetterEntry(streams, owner, letter);
    const isSuperseded = later.supersede(entry, letter);
    const identity = { name: describePosition(entry.deadLetter), runId: entry.runId };
    // Streams may share the topic, and each has states of its own.
    const name = entry.stream;
    if (!states.has(name)) states.set(name, readStates(kafka, reader, { name }));
    const ofStream = await states.get(name)!;
    yield { ...entry, status: ofStream.statusOf(identity, isSuperseded, isHeld(entry)) };
  }
}

/** The identities of the letters that were read before, which lie behind the next one. */
class LaterLetters {
  readonly #identities = new Set<string>();
  /** By position of a letter: the digest of a record that was sent back from it and died again. */
  readonly #sentBack = new Map<string, string>();

  /** Whether a later letter replaces this one, by the rules of a replay. */
  supersede(entry: DeadLetterEntry, letter: KafkaRecord): boolean {
    const name = describePosition(entry.deadLetter);
    const digest = contentDigest(letter);
    const { workflowId, replayOf } = entry;
    const source = originalPosition(letter);
    const identities = letterIdentities(workflowId, source, letter.timestamp);
    const isSuperseded =
      this.#sentBack.get(name) === digest || identities.some((one) => this.#identities.has(one));
    for (const one of identities) this.#identities.add(one);
    if (replayOf !== null) this.#sentBack.set(replayOf, digest);
    return isSuperseded;
  }
}

/** Whether a letter matches all filters that are given. */
export function matches(letter: ListedLetter, filters: LetterFilters): boolean {
  const { statuses, errorTypes, messageIds, groups, since, until, text } = filters;
  const among = (list: readonly string[] | undefined, value: string | null) =>
    list === undefined || (value !== null && list.includes(value));
  const failedAt = letter.failedAt === null ? undefined : new Date(letter.failedAt);
  const { messageId, errorType, errorMessage } = letter;
  return (
    among(statuses, letter.status) &&
    among(errorTypes, errorType) &&
    among(messageIds, messageId) &&
    (since === undefined || (failedAt !== undefined && failedAt >= since)) &&
    (until === undefined || (failedAt !== undefined && failedAt <= until)) &&
    (groups === undefined || groups.includes(groupIdOf(errorType, errorMessage))) &&
    (text === undefined || hasText(letter, text))
  );
}

/** Whether the message id, the key, the error or the workflow id contains the text, in any case. */
export function hasText(letter: DeadLetterEntry, text: string): boolean {
  const { messageId, rawId, key, errorType, errorMessage, workflowId } = letter;
  const texts = [messageId, rawId, key, errorType, errorMessage, workflowId];
  const sought = text.toLowerCase();
  return texts.some((one) => one?.toLowerCase().includes(sought));
}

/** Letters are written in the order of their failures, but for clocks that differ and retried writes. */
const CLOCKS_DIFFER_MS = 10 * 60_000;

/** Whether a letter is so old that no letter behind it can match `since`. */
export function isBefore({ failedAt }: ListedLetter, since: Date | undefined): boolean {
  if (since === undefined || failedAt === null) return false;
  return Date.parse(failedAt) < since.getTime() - CLOCKS_DIFFER_MS;
}
