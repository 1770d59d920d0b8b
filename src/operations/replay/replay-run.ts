import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Kafka } from '../../kafka/kafka';
import { GroupPosition } from '../../kafka/group-offsets';
import type { RecordReader } from '../../kafka/reader';
import { mapConcurrently } from '../../lib/concurrently';
import { errorWithCause } from '../../domain/errors';
import { describePosition, type RecordPosition } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import { replayFailed } from '../failed/failed-replay';
import { CONCURRENCY } from '../runs/failed-runs';
import { existingEnds } from '../topic/read-topic';
import { endOf, POLL_MS, type EndContext } from './replay-end';
import { isRefusal, type LetterResult, type ReplayJournal } from './replay-journal';
import type { Letter } from './replay-letters';
import type { PlannedLetter, ReplayPlan } from './replay-plan';
import { readLetter, targetPartition } from './replay-send-back';

export interface ReplayContext {
  kafka: Kafka;
  client: Client;
  stream: AnyStream;
  reader: RecordReader;
  /** Sends records back, and keeps what was done. */
  journal: Pick<ReplayJournal, 'write' | 'sendBack' | 'result'>;
  /** Wait for the end of each record. A stream that delivers in order waits in any case. */
  wait: boolean;
  /** Limit for the records that are begun per second. Default: no limit. */
  rate?: number | undefined;
  /** Aborting it ends the replay after the records under way. */
  signal: AbortSignal;
  onResult?: (result: LetterResult) => void;
}

/** Carries out the plan. Rejects if the journal can't be written; what was not begun by then is not begun. */
export async function runReplay(context: ReplayContext, plan: ReplayPlan): Promise<LetterResult[]> {
  const { kafka, stream, rate, signal, onResult = () => undefined } = context;
  const sends = plan.queues.flat().some(({ decision: { action } }) => action === 'send');
  const partitions = sends ? await partitionCount(kafka, stream.topic) : 0;
  // Each record under way adds a listener.
  setMaxListeners(0, signal);
  const pace = pacer(rate, signal);
  const results: LetterResult[] = [];
  for (const [letter, by] of plan.superseded) {
    results.push({ letter, outcome: 'superseded', reason: `replaced by ${by.name}` });
  }
  const group = new GroupPosition(kafka, stream, POLL_MS);
  const one: OneContext = { ...context, group, partitions, pace };
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
    // A stop must not take longer than the records under way.
    const isLeft = signal.aborted && result.outcome === 'waiting';
    if (!isLeft) await context.journal.result(result);
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
    await context.journal.write(letter, { ended: end });
    return { ...result, end, ...(reason !== undefined && { reason }) };
  } catch (error) {
    return { ...result, reason: `its end is not known: ${errorWithCause(error)}` };
  }
}

type OneContext = ReplayContext &
  Pick<EndContext, 'group'> & { partitions: number; pace: () => Promise<void> };

async function runOne(
  context: OneContext,
  { letter, decision }: PlannedLetter,
): Promise<LetterResult> {
  const { signal } = context;
  if (decision.action === 'done') {
    const { outcome, underWay, end } = decision;
    return { letter, outcome, underWay, ...(end && { end }) };
  }
  if (decision.action === 'refuse') {
    const { reason, underWay, end } = decision;
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
  { client, stream, journal }: OneContext,
  letter: Letter,
  failed: { workflowId: string; runId: string },
): Promise<LetterResult> {
  await journal.write(letter, { starting: failed });
  const { workflowId } = failed;
  const { outcome, detail } = await replayFailed(client, [stream], workflowId);
  if (outcome !== 'replayed') return { letter, outcome, reason: detail };
  const underWay = { workflowId, runId: detail };
  await journal.write(letter, { started: underWay });
  return { letter, outcome, underWay };
}

async function send(
  { journal, reader, partitions }: OneContext,
  letter: Letter,
  source: RecordPosition,
): Promise<LetterResult> {
  const { topic } = source;
  const partition = targetPartition(source, letter.content, partitions);
  const record = await readLetter(reader, letter.deadLetter);
  if (!record) {
    return { letter, outcome: 'failed', reason: `${letter.name} is no longer on the broker` };
  }
  try {
    const sentTo = await journal.sendBack(letter, record, { topic, partition });
    const underWay = { sentTo, timestamp: letter.content.timestamp };
    return { letter, outcome: 'sentBack', reason: describePosition(sentTo), underWay };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const reason = `${topic} did not accept the record: ${errorWithCause(error)}`;
    return { letter, outcome: 'failed', reason };
  }
}

async function partitionCount(kafka: Kafka, topic: string): Promise<number> {
  const ends = await existingEnds(kafka, topic);
  if (!ends) throw new Error(`no topic ${topic}`);
  return ends.length;
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
