import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
  type RecordLabels,
} from '../record/record';
import { truncateUtf8 } from '../record/workflow-id';

/** A broker refuses a record whose headers push it over `max.message.bytes`. */
const MAX_MESSAGE_BYTES = 4096;

const NAMES = [
  'stream',
  'topic',
  'partition',
  'offset',
  'timestamp',
  'workflow-id',
  'run-id',
  'error-type',
  'error-message',
  'attempts',
  'failed-at',
  'replays',
  'replay-of',
  'key',
  'raw-id',
] as const;
type Name = (typeof NAMES)[number];

/** Why a letter is without its record's content: Kafka had deleted it, or the topic takes no such size. */
export const CONTENT_EXPIRED = 'cloudsync-content-expired';
export const CONTENT_OMITTED = 'cloudsync-content-omitted';

/**
 * Headers a dead letter adds to those of its record. All are strings. A record that was sent back to its
 * topic has two of them, which its next letter takes over: `replays` and `replay-of`.
 */
export const DEAD_LETTER_HEADERS: ReadonlySet<string> = new Set(
  NAMES.map((name) => `cloudsync-${name}`),
);

/**
 * What a dead letter says of its record and its end: where the record lay, which workflow gave it up
 * and why. `failed-at` is ISO 8601; `replays` counts how often the record was sent back to its topic;
 * `replay-of`, where it was, is the place of the letter that it was sent back from. `key` and `raw-id` are what
 * people know a record by that is no message.
 */
export function deadLetterHeaders(
  stream: string,
  record: KafkaRecord,
  failure: { type: string; message: string; attempts: number },
  workflow: { workflowId: string; runId: string },
  failedAt: Date,
  labels: RecordLabels = {},
): [name: string, value: Buffer][] {
  const values: Record<Name, string | number | undefined> = {
    stream,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.exactTimestamp ?? record.timestamp,
    'workflow-id': workflow.workflowId,
    'run-id': workflow.runId,
    'error-type': failure.type,
    'error-message': truncateUtf8(failure.message, MAX_MESSAGE_BYTES),
    attempts: failure.attempts,
    'failed-at': failedAt.toISOString(),
    replays: deadLetterHeader(record, 'replays') ?? 0,
    'replay-of': deadLetterHeader(record, 'replay-of'),
    key: labels.key,
    'raw-id': labels.rawId,
  };
  return NAMES.filter((name) => values[name] !== undefined).map((name) => [
    `cloudsync-${name}`,
    Buffer.from(String(values[name])),
  ]);
}

/** What a record has, beside its own headers, when it is sent back to its topic for the `replays`th time. */
export function sentBackHeaders(letter: RecordPosition, replays: number): [string, Buffer][] {
  return [
    ['cloudsync-replays', Buffer.from(String(replays))],
    ['cloudsync-replay-of', Buffer.from(describePosition(letter))],
  ];
}

/** One of the headers a dead letter adds, as text. */
export function deadLetterHeader(record: KafkaRecord, name: Name): string | undefined {
  const header = record.headers.findLast(([key]) => key === `cloudsync-${name}`);
  return header?.[1]?.toString('utf8');
}

/** The record as its stream would read it from its dead letter. The place is the letter's. */
export function recordOfLetter(letter: KafkaRecord): KafkaRecord {
  const unreadable =
    deadLetterHeader(letter, 'error-type') === 'UnreadableBatch'
      ? deadLetterHeader(letter, 'error-message')
      : undefined;
  return { ...letter, headers: originalHeaders(letter), unreadable };
}

/** The headers that the record had before it was dead-lettered. */
export function originalHeaders({ headers }: KafkaRecord): KafkaRecord['headers'] {
  return headers.filter(([name]) => !DEAD_LETTER_HEADERS.has(name));
}
