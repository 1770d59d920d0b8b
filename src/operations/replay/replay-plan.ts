import type { Client } from '@temporalio/client';
import { topicConfig, withAdmin, type Kafka } from '../../kafka/kafka';
import { createRecordReader, type RecordReader } from '../../kafka/reader';
import { holdsOf } from '../../temporal/hold';
import { mapConcurrently } from '../../lib/concurrently';
import { errorWithCause, UsageError } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import { CONCURRENCY } from '../runs/failed-runs';
import { topicRanges, type PartitionRange } from '../topic/read-topic';
import { leaveOutDelivered } from './replay-at-sink';
import type { ReplayFilters } from '../../domain/stream/replay';
import { hasText } from '../dead-letters/dead-letters-list';
import { groupIdOf } from '../dead-letters/group-id';
import type { LetterStates } from '../dead-letters/letter-states';
import { decide, type Decision } from './replay-decide';
import { readLetters, superseded, type Letter } from './replay-letters';
import { queuesOf } from './replay-order';
import { findSentBack, searchFrom, sentAlready, targetPartition } from './replay-send-back';

export interface PlanRequest {
  filters: ReplayFilters;
  /** Limit for how often a record is sent back to its topic. */
  maxReplays: number;
  /** Ranges of the dead-letter topic. Letters outside of them are ignored. */
  ranges: PartitionRange[];
  /** The replay's id. */
  replay: string;
  /** What this replay, other replays and people have done with letters before. */
  states: Pick<LetterStates, 'progressOf' | 'dispositionOf'>;
  onProgress?: (text: string) => void;
  /** Receives texts that the operator should know before records are sent back. */
  onNotice?: (text: string) => void;
}

export interface PlannedLetter {
  letter: Letter;
  decision: Decision;
}

export interface ReplayPlan {
  /** The letters of a queue are replayed one after the other, the queues in parallel. */
  queues: PlannedLetter[][];
  /** Letters that no longer count, each with the letter that replaces it. */
  superseded: [letter: Letter, by: Letter][];
}

const PROGRESS_INTERVAL = 1_000;

const MAY_BE_SENT =
  'it may have been sent back before the stop; the topic has deleted the records that would show it';

/** Decides what to do with each letter, and changes nothing. */
export async function planReplay(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  request: PlanRequest,
): Promise<ReplayPlan> {
  const { filters, ranges, replay, states, maxReplays } = request;
  const { onProgress = () => undefined, onNotice = () => undefined } = request;
  const reader = createRecordReader(kafka);
  try {
    const all = await readLetters(kafka, reader, stream, ranges, (read) => {
      if (read % PROGRESS_INTERVAL === 0) onProgress(`${read} dead letters read`);
    });
    const chosen = choose(all, filters);
    const replaced = superseded(all);
    const queues = queuesOf(
      stream.ordering,
      chosen.filter((letter) => !replaced.has(letter)),
      all,
      await headsOf(client, stream, chosen),
    );
    const context = { client, stream, maxReplays, states, replay };
    const decisions = new Map<Letter, Decision>();
    const letters = queues.flat();
    for await (const [letter, decision] of mapConcurrently(letters, CONCURRENCY, async (one) => {
      return [one, await decide(context, one)] as const;
    })) {
      decisions.set(letter, decision);
      onProgress(`${decisions.size} of ${letters.length} workflows looked at`);
    }
    await leaveOutSent(kafka, reader, stream, decisions, request);
    await leaveOutDelivered(stream, decisions, onNotice);
    await warnOfRetention(kafka, stream, decisions, request);
    return {
      queues: limited(
        queues.map((queue) =>
          queue.map((letter) => ({ letter, decision: decisions.get(letter)! })),
        ),
        filters.limit,
      ),
      superseded: chosen.flatMap((letter): [Letter, Letter][] => {
        const by = replaced.get(letter);
        return by ? [[letter, by]] : [];
      }),
    };
  } finally {
    await reader.close();
  }
}

/** Returns a function that says whether a position is the head of a held key. */
async function headsOf(client: Client, stream: AnyStream, letters: Letter[]) {
  const holds = holdsOf(client, stream);
  const places = new Set<string>();
  const name = (partition: number, offset: number) => `${partition}@${offset}`;
  for (const partition of holds ? new Set(letters.map((one) => one.partition)) : []) {
    if (partition === null) continue;
    const heads = await holds!.heads({ topic: stream.topic, partition });
    for (const [offset] of heads.values()) places.add(name(partition, offset));
  }
  return (partition: number, offset: number) => places.has(name(partition, offset));
}

/**
 * Chooses the letters that match all filters. Throws a {@link UsageError} that names each place and message id
 * that the filters ask for and no letter has.
 */
export function choose(letters: Letter[], filters: ReplayFilters): Letter[] {
  const { errorTypes, since, until, messageIds, groups, text } = filters;
  // A request with groups or a text has no places for workers that know neither.
  const isEmpty = filters.places?.length === 0 && (groups ?? text) !== undefined;
  const places = isEmpty ? undefined : filters.places;
  const idOf = ({ messageId }: Letter) => messageId;
  const among = (list: string[] | undefined) => {
    const wanted = list && new Set<string | null>(list);
    return (value: string | null) => wanted === undefined || wanted.has(value);
  };
  const [isType, isId, isPlace] = [among(errorTypes), among(messageIds), among(places)];
  const placeOf = ({ deadLetter }: Letter) => `${deadLetter.partition}:${deadLetter.offset}`;
  const [allPlaces, allIds] = [new Set(letters.map(placeOf)), new Set(letters.map(idOf))];
  const missing = [
    ...(places ?? []).filter((place) => !allPlaces.has(place)),
    ...(messageIds ?? []).filter((id) => !allIds.has(id)),
  ];
  if (missing.length > 0) {
    const names = missing.map((one) => JSON.stringify(one)).join(', ');
    throw new UsageError(`there is no dead letter ${names}`);
  }
  return letters.filter((letter) => {
    const { failedAt } = letter;
    return (
      isType(letter.errorType) &&
      isId(letter.messageId) &&
      isPlace(placeOf(letter)) &&
      (groups === undefined || groups.includes(groupIdOf(letter.errorType, letter.errorMessage))) &&
      (text === undefined || hasText(letter, text)) &&
      (since === undefined || (failedAt !== null && failedAt >= since)) &&
      (until === undefined || (failedAt !== null && failedAt <= until))
    );
  });
}

/** Refuses to send a record back again, according to the logs and to the records on the topic. */
async function leaveOutSent(
  kafka: Kafka,
  reader: RecordReader,
  stream: AnyStream,
  decisions: Map<Letter, Decision>,
  { replay, states, onProgress = () => undefined, onNotice = () => undefined }: PlanRequest,
): Promise<void> {
  const progressOf = (letter: Letter) => states.progressOf(letter, replay);
  const sends = [...decisions].flatMap(([letter, decision]) =>
    decision.action === 'send' ? [{ letter, source: decision.source }] : [],
  );
  if (sends.length === 0) return;
  const { topic } = stream;
  const ranges = await topicRanges(kafka, topic, (text) =>
    onNotice(`${text}: what was sent back before may lie there`),
  );
  if (!ranges) throw new UsageError(`no topic ${topic}: "cloudsync topics create" makes it`);
  const toSearch = new Map<number, PartitionRange>();
  for (const { letter, source } of sends) {
    const partition = targetPartition(source, letter.content, ranges.length);
    const range = ranges[partition]!;
    const low = Math.max(searchFrom(source, partition, range, progressOf(letter).own), range.low);
    const other = toSearch.get(partition)?.low ?? Infinity;
    toSearch.set(partition, { ...range, low: Math.min(low, other) });
  }
  const found = await findSentBack(
    kafka,
    reader,
    topic,
    [...toSearch.values()],
    sends.map(({ letter }) => letter),
    (read) => {
      if (read % PROGRESS_INTERVAL === 0) onProgress(`${read} records of ${topic} looked at`);
    },
  );
  for (const { letter } of sends) {
    const { timestamp } = letter.content;
    const here = found.get(letter);
    const { own, earlier } = progressOf(letter);
    const sentTo = here ?? earlier.sent;
    if (!sentTo) {
      const { sending } = own;
      const isLost = sending && (ranges[sending.partition]?.low ?? Infinity) > sending.end;
      if (isLost) decisions.set(letter, { action: 'refuse', reason: MAY_BE_SENT });
      continue;
    }
    const underWay = { sentTo, timestamp };
    // The log of this replay ends between "sending" and "sent": this replay has sent the record.
    const byThis = here !== undefined && own.sending !== undefined;
    decisions.set(
      letter,
      byThis
        ? { action: 'done', outcome: 'sentBack', underWay }
        : { action: 'refuse', reason: sentAlready(sentTo), underWay },
    );
  }
}

/**
 * Warns if records are older than the topic's retention. A record that is sent back keeps its timestamp, and
 * retention goes by the timestamp. So a bridge worker must read the record soon.
 */
async function warnOfRetention(
  kafka: Kafka,
  { topic }: AnyStream,
  decisions: Map<Letter, Decision>,
  { onNotice = () => undefined }: PlanRequest,
): Promise<void> {
  const times = [...decisions].flatMap(([letter, { action }]) =>
    action === 'send' ? [letter.content.timestamp] : [],
  );
  if (times.length === 0) return;
  let retentionMs;
  try {
    retentionMs = await withAdmin(kafka, (admin) => topicConfig(admin, topic, 'retention.ms'));
  } catch (error) {
    // Somebody who may send records may still lack the right to read settings.
    return onNotice(`the retention of ${topic} is not known: ${errorWithCause(error)}`);
  }
  if (retentionMs === undefined || retentionMs === '-1') return;
  const expired = times.filter((time) => time < Date.now() - Number(retentionMs)).length;
  if (expired === 0) return;
  onNotice(
    `${expired} of the records are older than the retention of ${topic}: what is sent back may be deleted soon, so a bridge worker of the stream must run`,
  );
}

/**
 * Keeps letters until `limit` of them are run or sent. Letters that were run or sent before a stop count; refused
 * ones do not.
 */
function limited(queues: PlannedLetter[][], limit = Infinity): PlannedLetter[][] {
  let left = limit;
  return queues.map((queue) =>
    queue.filter(({ decision: { action } }) => {
      if (left === 0) return false;
      if (action !== 'refuse') left--;
      return true;
    }),
  );
}
