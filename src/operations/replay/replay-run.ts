import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Kafka, Producer } from '../../kafka/kafka';
import { GroupPosition } from '../../kafka/group-offsets';
import type { RecordReader } from '../../kafka/reader';
import { mapConcurrently } from '../../lib/concurrently';
import { errorWithCause } from '../../domain/errors';
import { describePosition, type RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { replayFailed } from '../failed/failed-replay';
import { CONCURRENCY } from '../runs/failed-runs';
import { topicRanges } from '../topic/read-topic';
import type { AuditLog } from './replay-audit';
import type { RecordEnd, UnderWay } from './replay-decide';
import { endOf, POLL_MS, type EndContext } from './replay-end';
import type { Letter } from './replay-letters';
import type { PlannedLetter, ReplayPlan } from './replay-plan';
import {
  findSentBack,
  readLetter,
  sendBack,
  targetPartition,
  type Target,
} from './replay-send-back';

export interface ReplayContext {
  kafka: Kafka;
  client: Client;
  stream: AnyStream;
  /** A connected producer that does not retry, because a send without an answer may have arrived. */
  producer: Pick<Producer, 'send'>;
  reader: RecordReader;
  log: Pick<AuditLog, 'write'>;
  /** Wait for the end of each record. A stream that delivers in order waits in any case. */
  wait: boolean;
  /** Limit for the records that are begun per second. Default: no limit. */
  rate?: number | undefined;
  /** Aborting it ends the replay after the records under way. */
  signal: AbortSignal;
  onResult?: (result: LetterResult) => void;
}

export type Outcome = 'replayed' | 'sentBack' | 'refused' | 'failed' | 'superseded' | 'waiting';

export interface LetterResult {
  letter: Letter;
  outcome: Outcome;
  reason?: string;
  /** The run or position that takes care of the record, or soon will. */
  underWay?: UnderWay;
  end?: RecordEnd;
}

/** Carries out the plan. Logs each effect before and after. */
export async function runReplay(context: ReplayContext, plan: ReplayPlan): Promise<LetterResult[]> {
  const { kafka, stream, rate, signal, onResult = () => undefined } = context;
  const sends = plan.queues.flat().some(({ decision: { action } }) => action === 'send');
  const ends = sends ? await partitionEnds(kafka, stream.topic) : [];
  // Each record under way adds a listener.
  setMaxListeners(0, signal);
  const pace = pacer(rate, signal);
  const results: LetterResult[] = [];
  for (const [letter, by] of plan.superseded) {
    results.push({ letter, outcome: 'superseded', reason: `replaced by ${by.name}` });
  }
  const group = new GroupPosition(kafka, stream, POLL_MS);
  const one: OneContext = { ...context, group, ends, pace };
  try {
    for await (const some of mapConcurrently(plan.queues, CONCURRENCY, (queue) =>
      runQueue(one, queue, onResult),
    )) {
      results.push(...some);
    }
  } finally {
    await group.close();
  }
  return results;
}

async function runQueue(
  context: OneContext,
  queue: PlannedLetter[],
  onResult: (result: LetterResult) => void,
): Promise<LetterResult[]> {
  const { stream, signal, wait } = context;
  const inOrder = stream.ordering !== 'none';
  const results: LetterResult[] = [];
  let ahead: Letter | undefined;
  for (const planned of queue) {
    const { letter, decision } = planned;
    // Only a letter that is run or sent waits for the record ahead.
    const hasEffect = decision.action === 'run' || decision.action === 'send';
    let result: LetterResult;
    if (ahead && hasEffect) {
      const reason = `it waits for the record of ${ahead.name}, which must be delivered first`;
      result = { letter, outcome: 'waiting', reason };
    } else if (signal.aborted && hasEffect) {
      result = { letter, outcome: 'waiting', reason: 'the replay was stopped' };
    } else {
      result = await runOne(context, planned);
      if (wait || (inOrder && !ahead)) result = await withEnd(context, result);
      if (inOrder && result.end !== 'delivered') ahead ??= letter;
    }
    results.push(result);
    onResult(result);
  }
  return results;
}

/** Waits for the end of the record and adds it to the result. If the end can't be known, it stays out. */
async function withEnd(context: OneContext, result: LetterResult): Promise<LetterResult> {
  const { letter, underWay, end: known } = result;
  if (!underWay || known) return result;
  try {
    const ended = await endOf(context, letter.messageId, underWay);
    if (!ended) return result;
    const { end, reason } = ended;
    await context.log.write(letter, { event: 'ended', end });
    return { ...result, end, ...(reason !== undefined && { reason }) };
  } catch (error) {
    return { ...result, reason: `its end is not known: ${errorWithCause(error)}` };
  }
}

type OneContext = ReplayContext &
  Pick<EndContext, 'group'> & { ends: number[]; pace: () => Promise<void> };

async function runOne(
  context: OneContext,
  { letter, decision }: PlannedLetter,
): Promise<LetterResult> {
  const { log, signal } = context;
  if (decision.action === 'done') {
    const { outcome, underWay, end } = decision;
    return { letter, outcome, underWay, ...(end && { end }) };
  }
  if (decision.action === 'refuse') {
    const { reason, underWay, end } = decision;
    await log.write(letter, { event: 'left', outcome: 'refused', reason });
    return {
      ...{ letter, outcome: 'refused', reason },
      ...(underWay && { underWay }),
      ...(end && { end }),
    };
  }
  await context.pace();
  if (signal.aborted) return { letter, outcome: 'waiting', reason: 'the replay was stopped' };
  return decision.action === 'run'
    ? startAgain(context, letter, decision.failed)
    : send(context, letter, decision.source);
}

async function startAgain(
  { client, stream, log }: OneContext,
  letter: Letter,
  failed: { workflowId: string; runId: string },
): Promise<LetterResult> {
  await log.write(letter, { event: 'starting', failed });
  const { workflowId } = failed;
  const { outcome, detail } = await replayFailed(client, [stream], workflowId);
  if (outcome === 'replayed') {
    const underWay = { workflowId, runId: detail };
    await log.write(letter, { event: 'started', run: underWay });
    return { letter, outcome, underWay };
  }
  await log.write(letter, { event: 'left', outcome, reason: detail });
  return { letter, outcome, reason: detail };
}

async function send(
  context: OneContext,
  letter: Letter,
  source: RecordPosition,
): Promise<LetterResult> {
  const { producer, reader, log, ends } = context;
  const { topic } = source;
  const partition = targetPartition(source, letter.content, ends.length);
  const leave = async (reason: string): Promise<LetterResult> => {
    await log.write(letter, { event: 'left', outcome: 'failed', reason });
    return { letter, outcome: 'failed', reason };
  };
  const record = await readLetter(reader, letter.deadLetter);
  if (!record) return leave(`${letter.name} is no longer on the broker`);
  const end = ends[partition]!;
  await log.write(letter, { event: 'sending', topic, partition, end });
  const target = { topic, partition, end };
  let sentTo: RecordPosition | undefined;
  try {
    sentTo = await sendBack(producer, letter, record, target);
  } catch (error) {
    const fault = `${topic} did not accept the record: ${errorWithCause(error)}`;
    try {
      // The record may have arrived despite the error.
      sentTo = await lookBehind(context, letter, target);
    } catch {
      return leave(`${fault}; if it did all the same, --resume finds out`);
    }
    if (!sentTo) return leave(fault);
  }
  ends[partition] = Math.max(end, sentTo.offset);
  await log.write(letter, { event: 'sent', to: sentTo });
  const underWay = { sentTo, timestamp: letter.content.timestamp };
  return { letter, outcome: 'sentBack', reason: describePosition(sentTo), underWay };
}

async function lookBehind(
  { kafka, reader }: ReplayContext,
  letter: Letter,
  { topic, partition, end: low }: Target,
): Promise<RecordPosition | undefined> {
  const unread: string[] = [];
  const ranges = await topicRanges(kafka, topic, (text) => unread.push(text));
  const range = ranges!.find((one) => one.partition === partition)!;
  const found = await findSentBack(kafka, reader, topic, [{ ...range, low }], [letter]);
  if (!found.has(letter) && unread.length > 0) throw new Error(unread.join('; '));
  return found.get(letter);
}

/** The current end of each partition of the topic. */
async function partitionEnds(kafka: Kafka, topic: string): Promise<number[]> {
  const ranges = await topicRanges(kafka, topic);
  if (!ranges) throw new Error(`no topic ${topic}`);
  return ranges.map(({ high }) => high);
}

/** Returns a function that resolves when the next record may begin, or when the signal aborts. */
function pacer(perSecond: number | undefined, signal: AbortSignal): () => Promise<void> {
  if (perSecond === undefined) return () => Promise.resolve();
  let next = performance.now();
  return async () => {
    const at = Math.max(next, performance.now());
    next = at + 1_000 / perSecond;
    await sleep(Math.max(at - performance.now(), 0), undefined, { signal }).catch(() => undefined);
  };
}
