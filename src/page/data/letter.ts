import type { KafkaRecord, RecordPosition } from '../../domain/record/record';
import { encodeBytes, type EncodedBytes } from '../../domain/record/encoded-bytes';
import { describePosition, describeTimestamp } from '../../domain/record/record';
import { deadLetterHeader, originalHeaders } from '../../domain/workflow/dead-letter';
import type { AnyStream } from '../../domain/stream/stream';
import { deadLetterEntry, type DeadLetterEntry } from '../../operations/dead-letters/dead-letters';
import { deadLetterAt } from '../../operations/dead-letters/dead-letters-show';
import type { LetterStatus } from '../../operations/dead-letters/letter-states';
import type { Disposition } from '../../operations/dead-letters/state-entries';
import type { PageData } from './page-data';
import { showValue, type ShownValue, type ValueView } from './value';

/** A dead letter as its screen shows it. */
export interface ShownLetter {
  letter: DeadLetterEntry;
  /** Null if it is not known. */
  status: LetterStatus | null;
  /** Whether an earlier letter tells of the same run: an attempt that was killed has written it. That letter counts. */
  isRepeat: boolean;
  /** Who discarded it, when and why; null if nobody did, or if it is not known. */
  discarded: Pick<Disposition, 'by' | 'at' | 'reason'> | null;
  /** The record's timestamp, ISO 8601; null if it has none. */
  timestamp: string | null;
  key: EncodedBytes | null;
  headers: [name: string, value: EncodedBytes | null][];
  /** Bytes of the value; null if the record has no value. */
  valueBytes: number | null;
  /** The value, if it was asked for. */
  value: ShownValue | null;
  notices: string[];
}

/** Where a letter lies, as the address of its screen says. */
export type LetterPlace = Pick<RecordPosition, 'partition' | 'offset'> & { stream: string };

/** Reads a dead letter. Undefined if no letter lies there. */
export async function readLetter(
  data: PageData,
  { stream: name, partition, offset }: LetterPlace,
): Promise<{ stream: AnyStream; record: KafkaRecord } | undefined> {
  const stream = data.stream(name);
  const record = stream && (await deadLetterAt(data.kafka, stream, { partition, offset }));
  // Streams may share the topic.
  const isOwn = record && (deadLetterHeader(record, 'stream') ?? name) === name;
  return isOwn ? { stream, record } : undefined;
}

/** Reads a dead letter for its screen. Its value is there only if a view of the value is asked for. */
export async function showLetter(
  data: PageData,
  place: LetterPlace,
  view: ValueView | undefined,
): Promise<ShownLetter | undefined> {
  const found = await readLetter(data, place);
  if (!found) return undefined;
  const { stream, record } = found;
  const { indexer, isComplete, notices } = await data.letters(stream);
  const letter = await deadLetterEntry(data.streams, stream, record);
  const known = () => indexer.index.statusAt(place.partition, place.offset);
  // The letter may be newer than what the index has read.
  if (isComplete && !known()) await indexer.catchUp().catch(() => undefined);
  const status = (isComplete && known()) || null;
  const isRepeat = isComplete && status === null && indexer.fault === undefined;
  const decision = indexer.log.dispositions.get(describePosition(letter.deadLetter));
  return {
    ...{ letter, status, isRepeat },
    discarded: status === 'discarded' && decision?.runId === letter.runId ? decision : null,
    timestamp: describeTimestamp(record.timestamp),
    key: record.key && encodeBytes(record.key),
    headers: originalHeaders(record).map(([header, value]) => [
      header,
      value && encodeBytes(value),
    ]),
    valueBytes: record.value?.length ?? null,
    value: view === undefined ? null : await showValue(stream, record, view),
    notices,
  };
}
