import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { deadLetterHeader } from '../../domain/workflow/dead-letter';
import { errorWithCause } from '../../domain/errors';
import { isLabelled } from '../../domain/workflow/record-labels';
import {
  barePosition,
  describePosition,
  describeTimestamp,
  type KafkaRecord,
  type RecordPosition,
} from '../../domain/record/record';
import type { SinkObject } from '../../domain/stream/sink';
import type { AnyStream } from '../../domain/stream/stream';
import { recordWorkflowIdPrefix, workflowIdPrefix } from '../../domain/record/workflow-id';
import { integer } from '../dead-letters/dead-letters';
import { positionOf } from '../replay/replay-letters';
import {
  describeRuns,
  findRuns,
  positionOfMemo,
  withLatest,
  type RunInfo,
  type TracedRun,
} from './trace-runs';
import { SeenLog } from './trace-log';
import { messageVerdict, recordVerdict, type TracedLetter, type Verdict } from './trace-verdict';
import { findChunk, MAX_SEARCHED } from '../runs/workflow-search';

export interface TracedRecord extends RecordPosition {
  /** ISO 8601; null if only a workflow or a dead letter knows the record, or if the record has no timestamp. */
  timestamp: string | null;
  /** How often the record had been sent back to the topic; null if only a workflow or a dead letter knows it. */
  replays: number | null;
  replayOf: string | null;
  verdict: Verdict;
}

export interface StreamTrace {
  name: string;
  verdict: Verdict;
  /** Sorted by partition and offset. */
  records: TracedRecord[];
  /** Runs of the records' workflows and of the chunks that hold the records; oldest first. */
  runs: TracedRun[];
  /**
   * Null if the sink has no object, or if that is not known. `notLookedAt` then says why, unless there is no
   * message id.
   */
  sinkObject: SinkObject | null;
  /** Oldest first. */
  deadLetters: TracedLetter[];
  /** Sources that were not searched and might tell more. */
  notLookedAt: string[];
}

/** Limit for the records of one message whose chunks are searched; each record costs a search. */
const MAX_CHUNK_SEARCHES = 20;

/** The facts that Kafka knows on a message, or on one record. */
export interface Known {
  messageId: string | null;
  /** Set if one record alone is asked for. */
  place: RecordPosition | undefined;
  records: KafkaRecord[];
  /** The part of `records` that the stream filters out. */
  filtered?: readonly KafkaRecord[];
  /** Default: the log of `records`. */
  log?: SeenLog;
  deadLetters: TracedLetter[];
  /** Whether all records of the message on the topic are known. */
  scanned: boolean;
  /** Texts on the parts of the topic that could not be read. */
  unread?: string[];
}

/** Traces a message or a record in one stream: adds to `known` what Temporal and the sink know. */
export async function traceStream(
  client: Client,
  stream: AnyStream,
  known: Known,
): Promise<StreamTrace> {
  const { messageId, place, deadLetters, scanned } = known;
  const log = known.log ?? new SeenLog(known.records);
  const notLookedAt = [...(known.unread ?? [])];
  const positions = new Map<string, RecordPosition>();
  const add = (one: RecordPosition | undefined) => {
    if (one) positions.set(describePosition(one), barePosition(one));
  };
  add(place);
  known.records.forEach(add);
  for (const letter of deadLetters) add(positionOf(letter));
  const isWanted = (memo: Record<string, unknown>) => {
    const position = positionOfMemo(memo);
    // A run of another log does not belong to the message merely because it has the same position.
    const isHere = position && positions.has(describePosition(position));
    if (isHere && (place || !log.isOtherRun(memo))) return true;
    if (place || messageId === null) return false;
    return memo.messageId === messageId || (memo.messageId === null && isLabelled(memo, messageId));
  };
  const prefixes = prefixesOf(stream, messageId, place, positions);
  const search = await findRuns(client, stream, prefixes, isWanted);
  if (!search.complete) {
    notLookedAt.push(
      `workflows beyond the newest ${MAX_SEARCHED}: the search by this id ends there`,
    );
  }
  const infos = await withLatest(
    client,
    search.runs,
    deadLetters.flatMap(({ workflowId }) => workflowId ?? []),
  );
  for (const { memo } of infos) add(memo && positionOfMemo(memo));
  const chunks = await chunksOf(client, stream, [...positions.values()], log, notLookedAt);
  const all = [...infos, ...new Set(chunks.values())];
  const runs = await describeRuns(client, all, (memo) => log.isOtherRun(memo));
  const object = await findObject(stream, messageId, notLookedAt);
  if (!scanned)
    notLookedAt.push(
      `records of topic ${stream.topic} that no workflow or dead letter mentions: --scan reads the topic`,
    );

  const records = [...positions.values()].sort(
    (a, b) => a.partition - b.partition || a.offset - b.offset,
  );
  const own = runs.filter(({ type }) => type !== 'deliverChunk');
  const verdictAt = (position: RecordPosition, isFiltered: boolean, otherLog: boolean) => {
    const { runId } = chunks.get(describePosition(position)) ?? {};
    // A chunk of another log may have covered the position. That does not prove that the chunk held the message.
    const chunk = otherLog ? undefined : runs.find((run) => run.runId === runId);
    return recordVerdict(position, own, chunk, deadLetters, isFiltered, otherLog);
  };
  const traced = records.map((position) => {
    const name = describePosition(position);
    const found = known.records.find((one) => describePosition(one) === name);
    return {
      ...position,
      timestamp: found ? describeTimestamp(found.timestamp) : null,
      replays: found ? (integer(deadLetterHeader(found, 'replays')) ?? 0) : null,
      replayOf: (found && deadLetterHeader(found, 'replay-of')) ?? null,
      verdict: verdictAt(position, isFiltered(known, found), false),
    };
  });
  // A message also counts as delivered if it was in another log of the topic and came again later.
  const verdicts = [
    ...traced.map(({ verdict }) => verdict),
    ...(place ? [] : records.map((position) => verdictAt(position, false, true))),
  ];
  return {
    name: stream.name,
    verdict: verdictOf(known, verdicts, object),
    ...{ records: traced, runs, sinkObject: object ?? null, deadLetters, notLookedAt },
  };
}

function isFiltered({ filtered = [] }: Known, record: KafkaRecord | undefined): boolean {
  return record !== undefined && filtered.includes(record);
}

/** Prefixes of the ids that workflows of the message or of its records may have. */
function prefixesOf(
  { name, topic, workflowId }: AnyStream,
  messageId: string | null,
  place: RecordPosition | undefined,
  positions: Map<string, RecordPosition>,
): string[] {
  return [
    ...(messageId === null
      ? []
      : [recordWorkflowIdPrefix(workflowId, { stream: name, messageId, topic })]),
    // The text may be the key or the raw id of an invalid record, which its workflow id does not contain.
    ...(place || messageId === null ? [] : [workflowIdPrefix(`${name}-invalid-`)]),
    ...[...positions.values()].map((one) =>
      workflowIdPrefix(`${name}-invalid-${one.topic}-${one.partition}-${one.offset}`),
    ),
  ];
}

/** Finds the chunks of the records, by the records' positions. */
async function chunksOf(
  client: Client,
  stream: AnyStream,
  positions: RecordPosition[],
  log: SeenLog,
  notLookedAt: string[],
): Promise<Map<string, RunInfo>> {
  const chunks = new Map<string, RunInfo>();
  if (stream.execution.lane !== 'chunk') return chunks;
  if (positions.length > MAX_CHUNK_SEARCHES) {
    notLookedAt.push(`chunks of ${positions.length - MAX_CHUNK_SEARCHES} of the records`);
  }
  for (const position of positions.slice(0, MAX_CHUNK_SEARCHES)) {
    const isOther = (memo: Record<string, unknown>) =>
      log.at(position) !== undefined && log.isOtherChunk(memo);
    const { chunk, complete } = await findChunk(client, stream, position, isOther);
    const name = describePosition(position);
    if (chunk) chunks.set(name, chunk);
    if (!complete) {
      notLookedAt.push(`chunks of ${name} beyond the newest ${MAX_SEARCHED} of its partition`);
    }
  }
  return chunks;
}

/** The object of the message: null if there is none, undefined if that is not known. */
async function findObject(
  { sink }: AnyStream,
  messageId: string | null,
  notLookedAt: string[],
): Promise<SinkObject | null | undefined> {
  if (messageId === null) return undefined;
  if (!sink.find) {
    notLookedAt.push('the sink: it can not look a message up');
    return undefined;
  }
  try {
    const object = await sink.find(messageId);
    if (object || !sink.writeChunk) return object ?? null;
    notLookedAt.push("the sink's objects of whole chunks");
  } catch (error) {
    notLookedAt.push(`the sink: ${errorWithCause(error)}`);
  }
  return undefined;
}

function verdictOf(
  { place, records }: Known,
  verdicts: Verdict[],
  object: SinkObject | null | undefined,
): Verdict {
  const verdict = messageVerdict(verdicts);
  if (verdict === 'running' || verdict === 'stuck') return verdict;
  // If one record alone is asked for, the object may be another record's.
  const value = place && records[0]?.value;
  const isIts = !place || (value && sha256(value) === object?.sha256);
  if (object && isIts) return 'delivered';
  return verdict === 'delivered' && object === null ? 'missing' : verdict;
}

function sha256(value: Buffer): string {
  return createHash('sha256').update(value).digest('hex');
}
