import { z } from 'zod';
import { stateTopic } from '../../domain/stream/state-topic';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { createProducer } from '../../kafka/producer/producer';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { readTopic, topicRanges } from '../topic/read-topic';
import { createStateTopic } from '../topics';

const count = z.number().int().min(0);
const position = z.object({ topic: z.string(), partition: count, offset: count });
const run = z.object({ workflowId: z.string(), runId: z.string() });
const underWay = z.union([run, z.object({ sentTo: position, timestamp: z.number() })]);
const outcome = z.enum(['replayed', 'sentBack', 'refused', 'failed', 'superseded', 'waiting']);
const end = z.enum(['delivered', 'deadAgain']);

/** The letter by its position, `<topic>/<partition>@<offset>`, and by the run that wrote it. */
const ofLetter = { letter: z.string(), runId: z.string().nullable(), at: z.string() };

/** What a replay did with a letter, and how far it came. Further steps of the same replay replace the entry. */
const progress = z.object({
  kind: z.literal('progress'),
  ...ofLetter,
  replay: z.string(),
  /** The replay is about to run this failed run's workflow again. */
  starting: run.optional(),
  started: run.optional(),
  /**
   * The record was about to be sent to this partition, behind the offset `end`. Only versions before this topic wrote
   * it: since then a record and its `sent` are one transaction.
   */
  sending: z.object({ topic: z.string(), partition: count, end: count }).optional(),
  sent: position.optional(),
  ended: end.optional(),
  result: z
    .object({
      outcome,
      reason: z.string().optional(),
      underWay: underWay.optional(),
      end: end.optional(),
    })
    .optional(),
});

/** Somebody's decision about a letter. `open` takes an earlier decision back. */
const disposition = z.object({
  kind: z.literal('disposition'),
  ...ofLetter,
  status: z.enum(['discarded', 'open']),
  /** Who decided, as `user@host`. */
  by: z.string(),
  reason: z.string().nullable(),
});

const texts = z.array(z.string()).optional();

/** A replay: what it was asked for, and how it ended. */
const replay = z.object({
  kind: z.literal('replay'),
  request: z.object({
    stream: z.string(),
    replay: z.string(),
    by: z.string(),
    at: z.string(),
    deadLetterTopic: z.string(),
    ranges: z.array(z.object({ partition: count, low: count, high: count })),
    filters: z.object({
      errorTypes: texts,
      since: z.string().optional(),
      until: z.string().optional(),
      messageIds: texts,
      places: texts,
      limit: count.optional(),
    }),
    maxReplays: count,
    wait: z.boolean(),
    rate: z.number().optional(),
  }),
  /** When the replay ended, ISO 8601; null while it runs, and if it was stopped while no worker had it. */
  endedAt: z.string().nullable(),
  /** Whether it ended before all letters had their turn. */
  stopped: z.boolean(),
  /** Letters by what was done with them, and by how their records ended. */
  counts: z.record(z.string(), count),
});

const stateEntry = z.discriminatedUnion('kind', [progress, disposition, replay]);

/** A record of the stream's state topic. */
export type StateEntry = z.infer<typeof stateEntry>;
export type ProgressEntry = z.infer<typeof progress>;
export type ReplayEntry = z.infer<typeof replay>;
export type Disposition = z.infer<typeof disposition>;
/** How far a replay came with a letter. */
export type LetterProgress = Pick<
  ProgressEntry,
  'starting' | 'started' | 'sending' | 'sent' | 'ended'
>;
/** What identifies a letter: a position may recur if the topic is deleted and created again, a run's id never recurs. */
export interface LetterIdentity {
  /** Position of the letter, `<topic>/<partition>@<offset>`. */
  name: string;
  runId: string | null;
}

/** Anybody may write a letter, with a header of any length. A run's id has 36 characters. */
const MAX_RUN_ID = 100;
const MAX_REASON = 1_000;

function identityOf({ name, runId }: LetterIdentity): string {
  return `${name} ${runId?.slice(0, MAX_RUN_ID) ?? '-'}`;
}

/** The key by which compaction keeps the last record of an entry. */
function keyOf(entry: StateEntry): string {
  if (entry.kind === 'replay') return `replay ${entry.request.replay}`;
  const letter = identityOf({ name: entry.letter, runId: entry.runId });
  return entry.kind === 'progress' ? `progress ${letter} ${entry.replay}` : `disposition ${letter}`;
}

/** The entry as a message for the state topic. */
export function stateMessage(entry: StateEntry): { key: string; value: string; partition: number } {
  const short = 'runId' in entry && { runId: entry.runId && entry.runId.slice(0, MAX_RUN_ID) };
  return { key: keyOf(entry), value: JSON.stringify({ ...entry, ...short }), partition: 0 };
}

/** Cuts a text that may come from anybody, so that each entry fits into a record. */
export function cutReason(reason: string): string {
  return reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason;
}

/** Undefined for a record that is no entry, or one of a later version. */
export function entryOfRecord({ value }: KafkaRecord): StateEntry | undefined {
  try {
    return stateEntry.safeParse(JSON.parse(value?.toString('utf8') ?? '')).data;
  } catch {
    return undefined;
  }
}

/** What became of a letter's record. */
export const LETTER_STATUSES = [
  'open',
  'replayed',
  'delivered',
  'superseded',
  'discarded',
] as const;
export type LetterStatus = (typeof LETTER_STATUSES)[number];

/** What the state topic says about letters. */
export class LetterStates {
  /** By letter, then by replay. */
  readonly #progress = new Map<string, Map<string, ProgressEntry>>();
  readonly #dispositions = new Map<string, Disposition>();
  /** By id, in the order of their first entries. */
  readonly replays = new Map<string, ReplayEntry>();

  add(entry: StateEntry): void {
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
   * What became of the letter's record. `isSuperseded`: a later letter of the record is on the topic. A record that was
   * replayed stays `replayed` until a replay has seen its end.
   */
  statusOf(letter: LetterIdentity, isSuperseded: boolean): LetterStatus {
    if (this.dispositionOf(letter)) return 'discarded';
    if (isSuperseded) return 'superseded';
    let last: ProgressEntry | undefined;
    for (const entry of this.#progress.get(identityOf(letter))?.values() ?? []) {
      const says = entry.started ?? entry.sent ?? entry.result?.end;
      if (says && (!last || entry.at >= last.at)) last = entry;
    }
    const end = last?.ended ?? last?.result?.end;
    if (end === 'deadAgain') return 'superseded';
    return end ?? (last ? 'replayed' : 'open');
  }

  /** How far replays came with the letter: this replay, and all others together. */
  progressOf(
    letter: LetterIdentity,
    replay: string,
  ): { own: LetterProgress; earlier: LetterProgress } {
    const earlier: LetterProgress = {};
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
