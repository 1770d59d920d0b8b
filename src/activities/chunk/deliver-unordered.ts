import { sleep } from '@temporalio/activity';
import { isRetryable } from '../../domain/errors';
import { eachOf } from '../../lib/each-of';
import { CONCURRENCY } from './chunk-attempt';
import type { ChunkDelivery } from './chunk-delivery';
import type { Candidate } from './chunk-records';
import {
  FAST_RETRY_INTERVAL_MS,
  failureOfMost,
  isMost,
  objectFailure,
  type Failed,
} from './failure-policy';
import type { Leaving } from './leaver';

/** One attempt that delivers the records of a chunk side by side, in no order. */
export async function deliverUnordered(delivery: ChunkDelivery): Promise<void> {
  const { fresh, waiting } = await sort(delivery);
  await settleFailed(delivery, fresh, await write(delivery, fresh));
  // After the chunk's own records, so that no two chunks wait for each other.
  for (const candidate of waiting) await deliverWaiting(delivery, candidate);
}

/** Locks new messages, skips delivered ones, and lets leave what is invalid or may have left already. */
async function sort({ deps, attempt, records, locks, leaver }: ChunkDelivery) {
  const fresh: Candidate[] = [];
  /** Records whose message is in flight, in this chunk or elsewhere. */
  const waiting: Candidate[] = [];
  const leaving: Leaving[] = [];
  let checked = 0;
  for (const [record, parsed] of await records.parse()) {
    if (!parsed.ok) {
      leaving.push({ record, reason: parsed.reason });
      continue;
    }
    const { messageId, message } = parsed;
    if (leaver.mayHaveLeft(record)) {
      leaving.push({ record, messageId, attempts: attempt.earlier });
      continue;
    }
    const candidate = records.candidate(record, messageId, message);
    const verdict = locks.enter(candidate);
    checked++;
    if (verdict === 'duplicate') records.skip(candidate, 'recent');
    else (verdict === 'new' ? fresh : waiting).push(candidate);
  }
  deps.events.checked(attempt.chunk.partition, checked);
  await eachOf(CONCURRENCY, leaving, async (one) => void (await leaver.leave(one)));
  return { fresh, waiting };
}

/** Writes the records, as one object if the sink takes objects; resolves with the records that failed. */
async function write(delivery: ChunkDelivery, fresh: Candidate[]): Promise<Failed[]> {
  const { sink } = delivery;
  if (fresh.length === 0 || !sink.writesObjects) return writeRecords(delivery, fresh);
  const result = await sink.writeObject(fresh);
  if (Array.isArray(result)) return writeRecords(delivery, result);
  // The sink refuses the object for good. Written one by one, the records show which of them is at fault.
  if (!isRetryable(result.type)) return writeRecords(delivery, fresh);
  throw objectFailure(fresh, result);
}

/** Writes each record by itself, and tries transient failures again while few records fail. */
async function writeRecords(delivery: ChunkDelivery, fresh: Candidate[]): Promise<Failed[]> {
  const { policy } = delivery;
  /** Failures that another try at once does not help. */
  const lasting: Failed[] = [];
  let open = fresh;
  for (let round = 1; ; round++) {
    const failed = await writeEach(delivery, open);
    const again = failed.filter(({ failure }) => failure.type === 'Transient');
    lasting.push(...failed.filter(({ failure }) => failure.type !== 'Transient'));
    if (again.length === 0 || !policy.mayRetry(round) || isMost(again, fresh)) {
      return [...lasting, ...again];
    }
    await sleep(FAST_RETRY_INTERVAL_MS);
    open = again.map(({ candidate }) => candidate);
  }
}

async function writeEach({ sink }: ChunkDelivery, candidates: Candidate[]): Promise<Failed[]> {
  const failed: Failed[] = [];
  await eachOf(CONCURRENCY, candidates, async (candidate) => {
    const failure = await sink.writeRecord(candidate);
    if (failure) failed.push({ candidate, failure });
  });
  return failed;
}

/** Lets the records that failed leave, or throws if that would flood the server. */
async function settleFailed(
  delivery: ChunkDelivery,
  attempted: Candidate[],
  failed: Failed[],
): Promise<void> {
  const { policy } = delivery;
  const passing = failed.filter(({ failure }) => isRetryable(failure.type));
  const forGood = failed.filter(({ failure }) => !isRetryable(failure.type));
  await leaveAll(delivery, forGood);
  if (isMost(passing, attempted)) throw failureOfMost(attempted.length, passing);
  // When a chunk has few records, none of them may get through while the sink is down.
  const staying = passing.filter((one) => policy.stays(one, !policy.sinkAcceptedAny));
  await leaveAll(
    delivery,
    passing.filter((one) => !staying.includes(one)),
  );
  if (staying.length > 0) throw failureOfMost(attempted.length, staying);
}

async function leaveAll({ leaver, locks }: ChunkDelivery, failed: Failed[]): Promise<void> {
  await eachOf(CONCURRENCY, failed, async ({ candidate }) => {
    const { original, record, attempts } = candidate;
    await leaver.leave({ record: original, messageId: record.messageId, attempts });
    locks.release(candidate, false);
  });
}

/** Skips a copy of a message in flight when that message is delivered; else delivers the copy. */
async function deliverWaiting(delivery: ChunkDelivery, candidate: Candidate): Promise<void> {
  const { records, locks } = delivery;
  for (;;) {
    // An overlapping attempt may have settled the record.
    if (records.isSettled(candidate.record)) return;
    const verdict = locks.enter(candidate);
    if (verdict === 'duplicate') return records.skip(candidate, 'recent');
    if (verdict === 'new') break;
    await locks.freed(candidate);
  }
  // Written by itself: the chunk's object, if there is one, is written already.
  await settleFailed(delivery, [candidate], await writeRecords(delivery, [candidate]));
}
