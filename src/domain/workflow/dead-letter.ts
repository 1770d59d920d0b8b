import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
  type RecordLabels,
} from '../record/record';
import { truncateUtf8 } from '../record/workflow-id';

/**
 * The most bytes of an error message in a header. A broker refuses a record whose headers push it over
 * `max.message.bytes`.
 */
const MAX_MESSAGE_BYTES = 4096;

/** What each header says, by its name after `cloudsync-`. Dead letters have the headers in this order. */
const MEANINGS = {
  stream: 'name of the stream',
  topic: 'topic of the record',
  partition: 'partition of the record',
  offset: 'offset of the record',
  timestamp: 'timestamp of the record, in milliseconds since the epoch, with all its digits',
  'workflow-id': 'the workflow that gave the record up',
  'run-id': 'run of that workflow',
  'error-type': 'class of the error, see [errors](errors.md)',
  'error-message': `what went wrong; at most ${MAX_MESSAGE_BYTES} bytes`,
  attempts: 'attempts at the sink; 0: none was made',
  'failed-at': 'when the record was given up, in ISO 8601',
  replays: 'how often the record was sent back to its topic',
  'replay-of':
    'position of the dead letter from which the record was sent back; only if the record was',
  key: 'key of the record, printable, or `0x` and hexadecimal digits; only if it has a key',
  'raw-id': 'id in the value of the record, also if the record is no message; only if it has one',
} as const;
type Name = keyof typeof MEANINGS;
const NAMES = Object.keys(MEANINGS) as Name[];

/**
 * Headers that say why a dead letter lacks its record's content. Expired: Kafka had deleted the record.
 * Omitted: the dead-letter topic does not accept a record of this size.
 */
export const CONTENT_EXPIRED = 'cloudsync-content-expired';
export const CONTENT_OMITTED = 'cloudsync-content-omitted';

/** What each header of a dead letter says, by its full name. In Markdown; links start in docs/reference. */
export const HEADER_MEANINGS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(NAMES.map((name) => [`cloudsync-${name}`, MEANINGS[name]])),
  [CONTENT_EXPIRED]:
    "`true`: key, value and the record's own headers are missing, because Kafka had deleted the record",
  [CONTENT_OMITTED]:
    "`true`: key, value and the record's own headers are missing, because the dead-letter topic accepts no record of this size",
};

/**
 * The headers that a dead letter adds to the headers of its record. All values are strings. A record that was
 * sent back to its topic has two of them, `replays` and `replay-of`, and its next dead letter copies both.
 */
export const DEAD_LETTER_HEADERS: ReadonlySet<string> = new Set(
  NAMES.map((name) => `cloudsync-${name}`),
);

/**
 * Makes the headers that a dead letter adds: the record's position, the workflow that gave the record up, the
 * reason, and the labels by which people know the record; see `MEANINGS`.
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

/** The headers that a record gets when it is sent back to its topic for the `replays`th time. */
export function sentBackHeaders(letter: RecordPosition, replays: number): [string, Buffer][] {
  return [
    ['cloudsync-replays', Buffer.from(String(replays))],
    ['cloudsync-replay-of', Buffer.from(describePosition(letter))],
  ];
}

/**
 * Reads one of the headers that a dead letter adds, as text. If the name occurs twice, the last one counts.
 */
export function deadLetterHeader(record: KafkaRecord, name: Name): string | undefined {
  const sought = `cloudsync-${name}`;
  const header = record.headers.findLast(([key]) => key === sought);
  return header?.[1]?.toString('utf8');
}

/**
 * The record of a dead letter, as its stream would read it. Its position is the position of the dead letter.
 */
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
