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
  /** ISO 8601; null where only a workflow or a dead letter tells of the record, and of one that has none. */
  timestamp: string | null;
  /** How often it had been sent back to the topic; null where only a workflow or a dead letter tells of it. */
  replays: number | null;
  replayOf: string | null;
  verdict: Verdict;
}

export interface StreamTrace {
  name: string;
  verdict: Verdict;
  /** In the order of partitions and offsets. */
  records: TracedRecord[];
  /** Of workflows of the records, and of chunks that hold them; oldest first. */
  runs: TracedRun[];
  /** Null where there is none, or where `notLookedAt` says so. */
  sinkObject: SinkObject | null;
  /** Oldest first. */
  deadLetters: TracedLetter[];
  /** What might tell more. */
  notLookedAt: string[];
}

/** Records of one message that are looked up in chunks; each costs a search. */
const MAX_CHUNK_SEARCHES = 20;

/** What Kafka tells of a message, or of one record. */
export interface Known {
  messageId: string | null;
  /** Where one record alone is asked for. */
  place: RecordPosition | undefined;
  records: KafkaRecord[];
  /** Those of the records that the stream passes by. */
  filtered?: readonly KafkaRecord[];
  /** Default: what the records tell. */
  log?: SeenLog;
  deadLetters: TracedLetter[];
  /** Whether all records on the topic are known. */
  scanned: boolean;
  /** What of the topic could not be read. */
  unread?: string[];
}

/** Adds what workflows and the sink tell. */
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
    // By its place alone a run of another log is none of the message's.
    const isHere = position && positions.has(describePosition(position));
    if (isHere && (place || !log.isOtherRun(memo))) return true;
    if (place || messageId === null) return false;
    return memo.messageId === messageId || (memo.messageId === null && isLabelled(memo, messageId));
  };
  const prefixes = prefixesOf(stream, messageId, place, positions);
  const search = await findRuns(client, stream, prefixes, isWanted);
  if (!search.complete) {
    notLookedAt.push(
      `workflows beyond the newest ${MAX_SEARCHED} that the id can not be searched apart from`,
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
    notLookedAt.push(`records of topic ${stream.topic} without a trace: --scan reads it`);

  const records = [...positions.values()].sort(
    (a, b) => a.partition - b.partition || a.offset - b.offset,
  );
  const own = runs.filter(({ type }) => type !== 'deliverChunk');
  const verdictAt = (position: RecordPosition, isFiltered: boolean, otherLog: boolean) => {
    const { runId } = chunks.get(describePosition(position)) ?? {};
    // That a chunk of another log covered the place does not show that the message was in the chunk.
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
  // A message is delivered also if it was in another log of the topic, and then came again.
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

/** What the ids of workflows begin with that could be of the message or of its records. */
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
    // The text may be the key, or the raw id, of a record that is invalid: then ids do not tell.
    ...(place || messageId === null ? [] : [workflowIdPrefix(`${name}-invalid-`)]),
    ...[...positions.values()].map((one) =>
      workflowIdPrefix(`${name}-invalid-${one.topic}-${one.partition}-${one.offset}`),
    ),
  ];
}

/** The chunks of the records, by the records' places. */
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

/** The object of the message: null where there is none, undefined where that is not known. */
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
  // Of one record alone the object may be another's.
  const value = place && records[0]?.value;
  const isIts = !place || (value && sha256(value) === object?.sha256);
  if (object && isIts) return 'delivered';
  return verdict === 'delivered' && object === null ? 'missing' : verdict;
}

function sha256(value: Buffer): string {
  return createHash('sha256').update(value).digest('hex');
}
