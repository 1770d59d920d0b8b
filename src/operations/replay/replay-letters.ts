import type { Kafka } from '../../kafka/kafka';
import type { RecordReader } from '../../kafka/reader';
import { partitionOf } from '../../kafka/producer/murmur2';
import {
  CONTENT_EXPIRED,
  CONTENT_OMITTED,
  deadLetterHeader,
  recordOfLetter,
} from '../../domain/workflow/dead-letter';
import { parseOrThrow, type Parsed } from '../../domain/workflow/parse';
import {
  describePosition,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import { contentDigest, sha256 } from '../../domain/record/content-digest';
import type { AnyStream } from '../../domain/stream/stream';
import {
  entryOf,
  letterIdentities,
  originalPosition,
  withoutRepeats,
  type DeadLetterEntry,
} from '../dead-letters/dead-letters';
import { readTopic, type PartitionRange } from '../topic/read-topic';
import { validityOf, type Validity } from '../runs/replay-validity';

/** A dead letter as a replay needs it. The record's bytes are not kept; they stay on the dead-letter topic. */
export interface Letter extends DeadLetterEntry {
  /** Position of the letter, `<topic>/<partition>@<offset>`. */
  name: string;
  content: LetterContent;
}

export interface LetterContent extends Validity {
  /** The record's timestamp, in milliseconds since the epoch. */
  timestamp: number;
  /** A hash of key and value, by which two contents are compared. */
  digest: string;
  /** SHA-256 of the record's key, in hex; null if the record has no key. */
  key: string | null;
  /** SHA-256 of the record's value, in hex; null if the record has no value. */
  value: string | null;
  /** The key's murmur2 in 31 bits, from which a partition is chosen; null if the record has no key. */
  keyHash: number | null;
  /** The letter had no room for the record, or the record was gone. The other fields then mean nothing. */
  missing: boolean;
}

/** Reads the letters of the stream in these ranges of its dead-letter topic. Their order has no meaning. */
export async function readLetters(
  kafka: Kafka,
  reader: RecordReader,
  stream: AnyStream,
  ranges: PartitionRange[],
  onProgress: (read: number) => void = () => undefined,
): Promise<Letter[]> {
  const letters: Letter[] = [];
  let read = 0;
  for await (const record of withoutRepeats(
    readTopic(kafka, reader, stream.deadLetterTopic, ranges),
  )) {
    // Streams may share a dead-letter topic.
    if ((deadLetterHeader(record, 'stream') ?? stream.name) === stream.name) {
      letters.push(await letterOf(stream, record));
    }
    onProgress(++read);
  }
  return letters;
}

async function letterOf(stream: AnyStream, record: KafkaRecord): Promise<Letter> {
  return letterWith(stream, record, await parseOrThrow(stream, sourceOf(record)));
}

/** Describes the letter, and its record under the current definition of the stream. */
export function letterWith(stream: AnyStream, record: KafkaRecord, parsed: Parsed): Letter {
  const name = deadLetterHeader(record, 'stream') ?? stream.name;
  const entry = entryOf(record, name, stream, parsed.ok ? parsed.messageId : null);
  return {
    ...entry,
    name: describePosition(entry.deadLetter),
    content: {
      timestamp: record.timestamp,
      digest: contentDigest(record),
      key: record.key && sha256(record.key),
      value: record.value && sha256(record.value),
      keyHash: record.key && partitionOf(record.key, 2 ** 31),
      ...validityOf(stream, sourceOf(record), parsed),
      missing: isWithoutContent(record),
    },
  };
}

/** The record as it lay in the stream's topic, as far as the letter says so. */
export function sourceOf(letter: KafkaRecord): KafkaRecord {
  return { ...recordOfLetter(letter), ...originalPosition(letter) };
}

function isWithoutContent({ key, value, headers }: KafkaRecord): boolean {
  return (
    key === null &&
    value === null &&
    headers.some(([name]) => name === CONTENT_EXPIRED || name === CONTENT_OMITTED)
  );
}

/** Original position of the record; undefined unless the letter has all parts of the position. */
export function positionOf(letter: DeadLetterEntry): RecordPosition | undefined {
  const { topic, partition, offset } = letter;
  return topic === null || partition === null || offset === null
    ? undefined
    : { topic, partition, offset };
}

/**
 * Finds the letters that no longer count, each with the letter that replaces it. A later letter of the same
 * workflow or of the same record replaces a letter. So does the letter of a record that was sent back from the
 * older letter. That record must have the same content, because anybody may write a header.
 */
export function superseded(letters: Letter[]): Map<Letter, Letter> {
  const replaced = new Map<Letter, Letter>();
  const newest = new Map<string, Letter>();
  const byName = new Map(letters.map((letter) => [letter.name, letter]));
  for (const letter of letters) {
    const origin = letter.replayOf === null ? undefined : byName.get(letter.replayOf);
    if (origin && origin.content.digest === letter.content.digest && isNewer(letter, origin)) {
      replaced.set(origin, letter);
    }
    for (const identity of identities(letter)) {
      const other = newest.get(identity);
      if (other && !isNewer(letter, other)) replaced.set(letter, other);
      else {
        newest.set(identity, letter);
        if (other) replaced.set(other, letter);
      }
    }
  }
  return replaced;
}

function isNewer(letter: Letter, other: Letter): boolean {
  return letter !== other && (letter.failedAt ?? '') >= (other.failedAt ?? '');
}

/** A record that was invalid and has become valid has letters of two workflows. So its position counts too. */
function identities(letter: Letter): string[] {
  return letterIdentities(letter.workflowId, positionOf(letter), letter.content.timestamp);
}
