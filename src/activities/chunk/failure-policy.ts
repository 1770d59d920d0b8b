import type { ApplicationFailure } from '@temporalio/activity';
import type { DeliveryFailure } from '../../domain/errors';
import { deliveredCount } from '../../domain/workflow/chunk-progress';
import { fitsWorkflow } from '../../domain/workflow/record-start';
import { attemptFailure, usableDelay } from '../attempt/attempt-failure';
import type { ChunkAttempt } from './chunk-attempt';
import type { Candidate } from './chunk-records';

export interface Failed {
  candidate: Candidate;
  failure: DeliveryFailure;
}

/** Up to this many records of a chunk may leave it because they fail, even if they are most of those tried. */
export const FEW = 10;

/**
 * If only few records fail and the sink has accepted none of the chunk, they stay for this many attempts. After that
 * they leave, because they may be at fault rather than the sink, and the records behind them wait.
 */
const PATIENCE = 5;

export const FAST_RETRY_INTERVAL_MS = 100;

/** Decides whether a record that fails is tried again at once, by the next attempt at the chunk, or leaves. */
export class FailurePolicy {
  constructor(private readonly attempt: ChunkAttempt) {}

  /** Whether this attempt tries a record again, after `rounds` tries. */
  mayRetry(rounds: number): boolean {
    const { retry } = this.attempt;
    return rounds < retry.fastAttempts && this.attempt.timeLeftMs() >= FAST_RETRY_INTERVAL_MS;
  }

  /** Whether the next attempt at the chunk tries the record again. `sinkSuspect`: the sink may be at fault. */
  stays({ candidate: { record } }: Failed, sinkSuspect: boolean): boolean {
    const { earlier, retry } = this.attempt;
    const { maximumAttempts } = retry;
    if (sinkSuspect && earlier < Math.min(PATIENCE, maximumAttempts)) return true;
    // A record that does not fit a workflow can't be tried again in a workflow of its own.
    return earlier < maximumAttempts && !fitsWorkflow(record);
  }

  /** Whether the sink has accepted a record of this chunk, as far as this process knows. */
  get sinkAcceptedAny(): boolean {
    return deliveredCount(this.attempt.progress) > 0;
  }
}

/** More than a few, and more than half: the sink fails, not the records. */
export function isMost(failed: readonly unknown[], attempted: readonly unknown[]): boolean {
  return failed.length > Math.max(FEW, attempted.length / 2);
}

/**
 * The failure of a chunk whose object failed for now. None of the object's records may leave the chunk, however few
 * they are: a write that has timed out can still take effect, and the records would be stored a second time.
 */
export function objectFailure(
  candidates: Candidate[],
  failure: DeliveryFailure,
): ApplicationFailure {
  return failureOfMost(
    candidates.length,
    candidates.map((candidate) => ({ candidate, failure })),
  );
}

/** The most frequent failure, for the whole chunk. */
export function failureOfMost(attempted: number, failed: Failed[]): ApplicationFailure {
  const counts = new Map<string, number>();
  for (const { failure } of failed) counts.set(failure.type, (counts.get(failure.type) ?? 0) + 1);
  const [type] = [...counts].sort(([, a], [, b]) => b - a)[0]!;
  const { failure } = failed.find((one) => one.failure.type === type)!;
  const retryAfterMs = Math.max(...failed.map((one) => usableDelay(one.failure) ?? 0));
  const message = `${failed.length} of ${attempted} records failed: ${failure.message}`;
  return attemptFailure({ ...failure, message, retryAfterMs });
}
