import { UsageError } from '../../domain/errors';
import type { RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import {
  isBefore,
  lettersOf,
  matches,
  type IsHeld,
  type LetterFilters,
  type ListedLetter,
} from './dead-letters-list';
import type { LetterStates } from './letter-states';
import { newestOf } from './newest-letters';

/** A part of the list of dead letters. */
export interface LettersPage {
  /** Newest first. */
  letters: ListedLetter[];
  /** The cursor of the next page; null if no letter is left. */
  next: string | null;
  /** How many letters were read for this page. */
  read: number;
}

export interface LettersPageOptions extends LetterFilters {
  /** Whether a letter's record is the head of a held key. Default: none is. */
  isHeld?: IsHeld | undefined;
  /** Names of the streams whose letters are listed. Default: all. */
  names?: string[] | undefined;
  /** The most letters of a page. */
  limit: number;
  /** Where the page begins: `next` of the page before. Default: at the newest letter. */
  cursor?: string | undefined;
  /** The most letters that are read behind the cursor. A page that ends for this reason may be empty. */
  maxRead: number;
}

/**
 * Lists one page of the dead letters on the streams' dead-letter topics, newest first. Letters that are written
 * meanwhile appear on no later page. The topics are read from their ends to the end of the page, because a letter's
 * status depends on later letters.
 */
export async function pageOfDeadLetters(
  kafka: Kafka,
  streams: AnyStream[],
  { names, limit, cursor, maxRead, isHeld, ...filters }: LettersPageOptions,
): Promise<LettersPage> {
  const taken = new Taken(cursor);
  const concerned = streams.filter(({ name }) => names?.includes(name) ?? true);
  const isListed = (letter: ListedLetter) =>
    (names?.includes(letter.stream) ?? true) && matches(letter, filters);
  const letters: ListedLetter[] = [];
  let next: string | undefined;
  let read = 0;
  const reader = createRecordReader(kafka);
  try {
    for await (const letter of newestLettersOf(kafka, reader, streams, concerned, isHeld)) {
      if (taken.has(letter.deadLetter)) continue;
      if (isBefore(letter, filters.since)) break;
      if (read === maxRead) return { letters, next: next ?? taken.cursor, read };
      read++;
      // A page that is full ends only at a further letter that matches, so that the next page is never empty.
      if (next !== undefined && isListed(letter)) return { letters, next, read };
      taken.add(letter.deadLetter);
      if (next !== undefined || !isListed(letter)) continue;
      letters.push(letter);
      if (letters.length === limit) next = taken.cursor;
    }
    return { letters, next: null, read };
  } finally {
    await reader.close();
  }
}

async function* newestLettersOf(
  kafka: Kafka,
  reader: RecordReader,
  streams: AnyStream[],
  concerned: AnyStream[],
  isHeld: IsHeld | undefined,
): AsyncGenerator<ListedLetter, void> {
  // Streams may share a topic.
  const owners = new Map(concerned.map((stream) => [stream.deadLetterTopic, stream]));
  const sharing = streams.filter(({ deadLetterTopic }) => owners.has(deadLetterTopic));
  const states = new Map<string, Promise<LetterStates>>();
  const sources = [...owners.values()].map((owner) =>
    lettersOf(kafka, reader, sharing, owner, states, isHeld),
  );
  yield* newestOf(sources, ({ failedAt }) => (failedAt === null ? 0 : Date.parse(failedAt)));
}

/** The letters that pages before have taken: of each partition those from an offset on. */
class Taken {
  readonly #from = new Map<string, number>();

  /** Throws a {@link UsageError} if the text is no cursor. */
  constructor(cursor = '') {
    for (const part of cursor === '' ? [] : cursor.split(',')) {
      const match = /^([a-zA-Z0-9._-]{1,249}\/\d{1,9})@(\d{1,15})$/.exec(part);
      if (!match) throw new UsageError('the cursor is not one that a page of dead letters gave');
      this.#from.set(match[1]!, Number(match[2]));
    }
  }

  get cursor(): string {
    return [...this.#from].map(([partition, offset]) => `${partition}@${offset}`).join(',');
  }

  has({ topic, partition, offset }: RecordPosition): boolean {
    return offset >= (this.#from.get(`${topic}/${partition}`) ?? Infinity);
  }

  add({ topic, partition, offset }: RecordPosition): void {
    this.#from.set(`${topic}/${partition}`, offset);
  }
}
