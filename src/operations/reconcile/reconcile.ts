import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { createRecordReader } from '../../kafka/reader';
import { deadLetterHeader } from '../../domain/workflow/dead-letter';
import { UsageError } from '../../domain/errors';
import { parseOrThrow, withoutFilters } from '../../domain/workflow/parse';
import type { AnyStream } from '../../domain/stream/stream';
import {
  integer,
  isLetterOf,
  originalPosition,
  readDeadLetters,
} from '../dead-letters/dead-letters';
import { readTopic, topicRanges, type PartitionRange } from '../topic/read-topic';
import { Reconciliation, type Account } from './reconcile-account';
import { groupProgress } from '../status/status-progress';
import { workflowCounts } from '../status/status-workflows';

export interface ReconcileReport extends Account {
  stream: string;
  /** Records that the stream filters out. They can't be missing. */
  filtered: number;
}

export interface ReconcileOptions {
  /** Reads only these ranges of the topic. Default: everything that the topic holds now. */
  ranges?: PartitionRange[];
  /** Counts only messages whose ids begin with this text, on the topic and at the sink. Default: all. */
  idPrefix?: string;
  onProgress?: (text: string) => void;
  /** Receives notices that qualify the numbers of the report. */
  onNotice?: (text: string) => void;
}

/** Progress is reported after each 1,000 items. */
const PROGRESS_INTERVAL = 1_000;

/**
 * Compares what the stream's topic holds now with its sink and its dead letters. Throws a {@link UsageError} if
 * the sink can't list its objects, or if the topic does not exist.
 */
export async function reconcile(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  options: ReconcileOptions = {},
): Promise<ReconcileReport> {
  const { name, topic, deadLetterTopic, sink } = stream;
  const { onProgress = () => undefined, onNotice = () => undefined, idPrefix = '' } = options;
  if (!sink.stored) {
    throw new UsageError(
      `the sink of stream ${name} can't list what it stores, so there is nothing to compare with; give the sink a method "stored"`,
    );
  }
  // Every record that is settled now will be found below. A record still in progress may be found or not.
  await sayIfNotSettled(kafka, client, stream, onNotice);
  const ranges = options.ranges ?? (await topicRanges(kafka, topic, onNotice));
  if (!ranges) throw new UsageError(`no topic ${topic}`);
  const books = new Reconciliation();
  const reader = createRecordReader(kafka);
  let filtered = 0;
  try {
    let read = 0;
    const total = ranges.reduce((sum, { low, high }) => sum + high - low, 0);
    for await (const record of readTopic(kafka, reader, topic, ranges)) {
      const parsed = await parseOrThrow(stream, record);
      if (parsed.ok) {
        if (parsed.messageId.startsWith(idPrefix)) {
          books.addMessage(record, parsed.messageId, record.value!);
        }
      } else if (parsed.filtered) {
        filtered++;
      } else if (idPrefix === '') {
        books.addInvalid(record, `${name}-invalid-${topic}-${record.partition}-${record.offset}`);
      }
      if (++read % PROGRESS_INTERVAL === 0) onProgress(`${read} of ${total} records read`);
    }
    // Sink and dead letters are read after the topic, so a record that ends meanwhile is found.
    await addStored(books, stream, sink.stored(), { onProgress, onNotice, idPrefix });
    for await (const letter of readDeadLetters(kafka, reader, deadLetterTopic)) {
      const position = isLetterOf(stream, letter) && originalPosition(letter);
      // The broker may have set the letter's own timestamp. The header holds the record's.
      const timestamp = integer(deadLetterHeader(letter, 'timestamp')) ?? letter.timestamp;
      if (position) books.addDeadLetter({ ...position, timestamp });
    }
  } finally {
    await reader.close();
  }
  return { stream: name, ...books.account(), filtered };
}

async function sayIfNotSettled(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  onNotice: (text: string) => void,
): Promise<void> {
  const [{ lag }, { running }] = await Promise.all([
    groupProgress(kafka, stream),
    workflowCounts(client, stream),
  ]);
  if (lag > 0 || running > 0) {
    onNotice(`not settled: ${lag} records not committed, ${running} workflows running`);
  }
}

async function addStored(
  books: Reconciliation,
  stream: AnyStream,
  stored: AsyncIterable<Buffer>,
  { onProgress, onNotice, idPrefix }: Required<Omit<ReconcileOptions, 'ranges'>>,
): Promise<void> {
  let read = 0;
  let foreign = 0;
  for await (const value of stored) {
    const messageId = await messageIdIn(stream, value);
    const asked = messageId === undefined || messageId.startsWith(idPrefix);
    if (asked && !books.addStored(value, messageId) && idPrefix === '') foreign++;
    if (++read % PROGRESS_INTERVAL === 0) onProgress(`${read} objects of the sink read`);
  }
  if (foreign > 0) {
    const or = tellsId(stream) ? '' : ', or to records that the topic no longer holds';
    onNotice(`${foreign} objects of the sink belong to no message of the stream${or}`);
  }
}

/**
 * Whether a value alone reveals its message id. A `decode` or `messageId` that takes the record may read the id from its key or a header.
 */
function tellsId({ decode, messageId }: AnyStream): boolean {
  return (!decode || decode.length <= 1) && messageId.length <= 1;
}

async function messageIdIn(stream: AnyStream, value: Buffer): Promise<string | undefined> {
  if (!tellsId(stream)) return undefined;
  const place = { topic: stream.topic, partition: 0, offset: 0, timestamp: 0 };
  const parsed = await parseOrThrow(withoutFilters(stream), {
    ...place,
    key: null,
    value,
    headers: [],
  });
  return parsed.ok ? parsed.messageId : undefined;
}
