import { stateTopic } from '../../domain/stream/state-topic';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { createProducer } from '../../kafka/producer/producer';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { readTopic, topicRanges } from '../topic/read-topic';
import { createStateTopic } from '../topics';
import {
  entryOfRecord,
  identityOf,
  stateMessage,
  type Disposition,
  type LetterIdentity,
  type LetterProgress,
  type ProgressEntry,
  type ReplayEntry,
  type RunAgainEntry,
  type StateEntry,
} from './state-entries';

/** What became of a letter's record. `held`: it is open, and records of its key wait behind it. */
export const LETTER_STATUSES = [
  'open',
  'held',
  'replayed',
  'delivered',
  'superseded',
  'discarded',
] as const;
/** The statuses of letters that nobody has taken care of yet. */
export const UNSETTLED: readonly LetterStatus[] = ['open', 'held'];
export type LetterStatus = (typeof LETTER_STATUSES)[number];

/** An entry that says that a record was replayed. */
type Effect = Pick<ProgressEntry, 'at' | 'ended' | 'result'>;

/** What the state topic says about letters. */
export class LetterStates {
  /** By letter, then by replay. */
  readonly #progress = new Map<string, Map<string, ProgressEntry>>();
  readonly #dispositions = new Map<string, Disposition>();
  /** By the failed run. */
  readonly #runsAgain = new Map<string, RunAgainEntry>();
  /** By id, in the order of their first entries. */
  readonly replays = new Map<string, ReplayEntry>();

  add(entry: StateEntry): void {
    if (entry.kind === 'audit') return;
    if (entry.kind === 'runAgain') {
      this.#runsAgain.set(entry.runId, entry);
      return;
    }
    if (entry.kind === 'replay') {
      this.replays.set(entry.request.replay, entry);
      return;
    }
    const letter = identityOf({ name: entry.letter, runId: entry.runId });
    if (entry.kind === 'disposition') {
      this.#dispositions.set(letter, entry);
      return;
    }
    const replays = this.#progress.get(letter);
    if (replays) replays.set(entry.replay, entry);
    else this.#progress.set(letter, new Map([[entry.replay, entry]]));
  }

  /** What a replay did with the letter; undefined if the replay did not come to it. */
  entryOf(letter: LetterIdentity, replay: string): ProgressEntry | undefined {
    return this.#progress.get(identityOf(letter))?.get(replay);
  }

  /** The decision that counts; undefined if nobody decided, or if the decision was taken back. */
  dispositionOf(letter: LetterIdentity): Disposition | undefined {
    const last = this.#dispositions.get(identityOf(letter));
    return last?.status === 'open' ? undefined : last;
  }

  /**
   * What became of the letter's record. `isSuperseded`: a later letter of the record is on the topic. `isHeld`: the record
   * is the head of a held key. A record that was replayed stays `replayed` until a replay has seen its end.
   */
  statusOf(letter: LetterIdentity, isSuperseded: boolean, isHeld = false): LetterStatus {
    if (this.dispositionOf(letter)) return 'discarded';
    if (isSuperseded) return 'superseded';
    let last = this.#runsAgain.get(letter.runId ?? '') as Effect | undefined;
    for (const entry of this.#progress.get(identityOf(letter))?.values() ?? []) {
      const says = entry.started ?? entry.sent ?? entry.result?.end;
      if (says && (!last || entry.at >= last.at)) last = entry;
    }
    const end = last?.ended ?? last?.result?.end;
    if (end === 'deadAgain') return 'superseded';
    if (end) return end;
    if (last) return 'replayed';
    return isHeld ? 'held' : 'open';
  }

  /** How far replays came with the letter: this replay, and all others together. */
  progressOf(
    letter: LetterIdentity,
    replay: string,
  ): { own: LetterProgress; earlier: LetterProgress } {
    const earlier: LetterProgress = {};
    const again = this.#runsAgain.get(letter.runId ?? '');
    if (again) {
      earlier.started = { workflowId: again.workflowId, runId: again.newRunId };
      if (again.ended) earlier.ended = again.ended;
    }
    const entries = [...(this.#progress.get(identityOf(letter))?.values() ?? [])];
    entries.sort((a, b) => (a.at < b.at ? -1 : 1));
    for (const entry of entries) {
      if (entry.replay === replay) continue;
      if (entry.started) earlier.started = entry.started;
      if (entry.sent) earlier.sent = entry.sent;
      if (entry.ended) earlier.ended = entry.ended;
    }
    return { own: this.entryOf(letter, replay) ?? {}, earlier };
  }
}

/** Reads the whole state topic of the stream. Empty if the topic does not exist. */
export async function readStates(
  kafka: Kafka,
  reader: RecordReader,
  stream: Pick<AnyStream, 'name'>,
): Promise<LetterStates> {
  const states = new LetterStates();
  const topic = stateTopic(stream);
  const ranges = (await topicRanges(kafka, topic)) ?? [];
  for await (const record of readTopic(kafka, reader, topic, ranges)) {
    const entry = entryOfRecord(record);
    if (entry) states.add(entry);
  }
  return states;
}

/** {@link readStates} with a reader of its own. */
export async function statesOf(
  kafka: Kafka,
  stream: Pick<AnyStream, 'name'>,
): Promise<LetterStates> {
  const reader = createRecordReader(kafka);
  try {
    return await readStates(kafka, reader, stream);
  } finally {
    await reader.close();
  }
}

/** The most entries in one request. */
const WRITE_AT_ONCE = 500;

/** Writes entries that no replay is working on: those of people, and those of earlier versions. */
export async function writeStates(
  kafka: Kafka,
  stream: AnyStream,
  entries: StateEntry[],
): Promise<void> {
  await createStateTopic(kafka, stream);
  const producer = createProducer(kafka);
  await producer.connect();
  try {
    const topic = stateTopic(stream);
    for (let from = 0; from < entries.length; from += WRITE_AT_ONCE) {
      const messages = entries.slice(from, from + WRITE_AT_ONCE).map(stateMessage);
      const sent = await producer.send({ topic, acks: -1, messages });
      if (sent.length === 0) throw new Error(`${topic} did not take the entries`);
    }
  } finally {
    await producer.disconnect();
  }
}
