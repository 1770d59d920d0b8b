import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ChunkInput } from '../../domain/workflow/chunk';
import type { ChunkProgress } from '../../domain/workflow/chunk-progress';
import type { RetryPolicy } from '../../domain/stream/retry-policy';
import type { WorkflowFailureType } from '../../domain/workflow/failure';
import type { TraceContext } from '../../domain/record/trace-context';
import { withTimeLimit } from '../attempt/time-limit';

/** How many records of a chunk are written at once, and how many records that leave it are started at once. */
export const CONCURRENCY = 32;

/** The attempt ends this long before the activity's own limit, so that the attempt's error arrives first. */
const DEADLINE_MARGIN_MS = 500;

/** One attempt at a chunk: its input, what earlier attempts of this process have settled, and the time that is left. */
export class ChunkAttempt {
  readonly cancellation = Context.current().cancellationSignal;
  /** Number of this attempt, as Temporal counts: from 1, and from 1 again for the regular activity. */
  readonly number: number;
  /** Attempts at the chunk before this one: the regular activity follows one local attempt. */
  readonly earlier: number;
  readonly #deadline: number;

  constructor(
    readonly chunk: ChunkInput,
    readonly retry: RetryPolicy,
    readonly progress: ChunkProgress,
    /** Span of the attempt. Absent: no spans. */
    readonly trace: TraceContext | undefined,
  ) {
    const { attempt, isLocal, startToCloseTimeoutMs } = Context.current().info;
    this.number = attempt;
    this.earlier = attempt - (isLocal ? 1 : 0);
    this.#deadline = performance.now() + startToCloseTimeoutMs - DEADLINE_MARGIN_MS;
  }

  timeLeftMs(): number {
    return this.#deadline - performance.now();
  }

  /** Runs `use` for as long as the attempt has time; then rejects with {@link unfinished}. */
  inTime<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeLimit(Math.max(this.timeLeftMs(), 1), use, () => this.unfinished());
  }

  /** The failure of an attempt whose time is up. The next attempt continues where this one ends. */
  unfinished(): ApplicationFailure {
    const { settled, records } = this.progress;
    const message = `${settled.size} of ${records.length} records are settled, and the time is up`;
    return ApplicationFailure.create({
      type: 'Unfinished' satisfies WorkflowFailureType,
      message,
    });
  }
}
