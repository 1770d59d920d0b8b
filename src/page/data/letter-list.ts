import { UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { mapConcurrently } from '../../lib/concurrently';
import { newestOf } from '../../operations/dead-letters/newest-letters';
import { deadLetterEntry } from '../../operations/dead-letters/dead-letters';
import type { ListedLetter } from '../../operations/dead-letters/dead-letters-list';
import type {
  IndexedLetter,
  IndexFilters,
  LetterIndex,
} from '../../operations/letter-index/letter-index';
import { readLetter } from '../../operations/replay/replay-send-back';
import type { RecordReader } from '../../kafka/reader';

/** A page of letters, newest first. */
export interface LetterList {
  letters: ListedLetter[];
  /** The cursor of the next page; null if no letter is left. */
  next: string | null;
}

/** Letters that are read from Kafka at once. */
const AT_ONCE = 8;

/** A letter's place among those of several streams. */
type Place = Omit<IndexedLetter, 'failedAt'> & { stream: AnyStream };

/**
 * Lists the letters that match by their indexes. Only the letters of the page are read from Kafka. Throws a
 * {@link UsageError} if the cursor is none.
 */
export async function listLetters(
  reader: RecordReader,
  indexes: { stream: AnyStream; index: LetterIndex }[],
  filters: IndexFilters,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<LetterList> {
  const taken = takenBy(cursor);
  const places: Place[] = [];
  let next: string | null = null;
  const shown = new Map(taken);
  const lists = indexes.map((one) => placesOf(one, filters, shown));
  for await (const place of newestOf(lists, ({ failedAt }) => failedAt)) {
    if (places.length === limit) {
      next = cursorOf(taken);
      break;
    }
    places.push(place);
    taken.set(partOf(place), place.offset);
  }
  const streams = indexes.map(({ stream }) => stream);
  return { letters: await readLetters(reader, streams, places), next };
}

/** Reads letters from Kafka, in the given order. */
export async function readLetters(
  reader: RecordReader,
  streams: AnyStream[],
  places: Place[],
): Promise<ListedLetter[]> {
  const letters: ListedLetter[] = [];
  for await (const letter of mapConcurrently(places, AT_ONCE, (place) =>
    readAt(reader, streams, place),
  )) {
    // The topic may have deleted a letter meanwhile.
    if (letter) letters.push(letter);
  }
  return letters;
}

async function readAt(
  reader: RecordReader,
  streams: AnyStream[],
  { stream, partition, offset, status }: Place,
): Promise<ListedLetter | undefined> {
  const place = { topic: stream.deadLetterTopic, partition, offset };
  const record = await readLetter(reader, place);
  return record && { ...(await deadLetterEntry(streams, stream, record)), status };
}

/** The letters of one stream that match and that earlier pages have not shown, newest first. */
function* placesOf(
  { stream, index }: { stream: AnyStream; index: LetterIndex },
  filters: IndexFilters,
  taken: ReadonlyMap<string, number>,
): Generator<IndexedLetter & Place, void> {
  const before = new Map<number, number>();
  for (const [part, offset] of taken) {
    const [name, partition] = part.split('/');
    if (name === stream.name) before.set(Number(partition), offset);
  }
  for (const letter of index.list(filters, before)) yield { stream, ...letter };
}

const partOf = ({ stream, partition }: Place) => `${stream.name}/${partition}`;

/** Names the cursors of lists by index, whose parts are streams and partitions. */
const PREFIX = 'index:';

export function isIndexCursor(cursor: string): boolean {
  return cursor.startsWith(PREFIX);
}

function cursorOf(taken: ReadonlyMap<string, number>): string {
  return PREFIX + [...taken].map(([part, offset]) => `${part}@${offset}`).join(',');
}

/** By stream and partition, the last letter that earlier pages have shown. */
function takenBy(cursor: string | undefined): Map<string, number> {
  const taken = new Map<string, number>();
  for (const part of cursor?.slice(PREFIX.length).split(',') ?? []) {
    const match = /^([^/@,]{1,249}\/\d{1,9})@(\d{1,15})$/.exec(part);
    if (!match) throw new UsageError('the cursor is not one that a page of dead letters gave');
    taken.set(match[1]!, Number(match[2]));
  }
  return taken;
}
