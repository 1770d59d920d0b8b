import type { AnyStream } from '../../domain/stream/stream';
import type { Backoff } from '../starts/backoff';
import type { RunningWorkflows } from '../starts/running-workflows';
import type { FetchFault } from '../partition/partition-window';
import type { StallCause } from './stalls';
import type { StartRate } from '../starts/start-rate';

/** The state of a partition's window, as far as it explains a stall. */
export interface WindowState {
  partition: number;
  /** Whether an offset is committable that is not committed. */
  uncommitted: boolean;
  /** Kafka's name for the error of the last commit; undefined if there was no error, or if it has no name. */
  commitFault?: string | undefined;
  /** Whether records were fetched that are not finished. */
  waiting: boolean;
  /** Why the last fetch could not be read; undefined if it could. */
  fault: FetchFault | undefined;
}

/** Says why a partition makes no progress. The parts that its records pass through are checked one after the other. */
export function stallCause(
  { execution, maxOpen }: AnyStream,
  { partition, uncommitted, commitFault: detail, waiting, fault }: WindowState,
  {
    backoff,
    rate,
    running,
    paused,
    braked,
    decodeFailures,
  }: {
    backoff: Backoff;
    rate: StartRate;
    running: RunningWorkflows;
    paused: boolean;
    braked: boolean;
    /** By partition: why its records can't be decoded for now. */
    decodeFailures: ReadonlyMap<number, string>;
  },
): StallCause {
  if (paused) return { reason: 'paused' };
  if (braked) return { reason: 'braked' };
  if (backoff.active) {
    const { reason: detail } = backoff;
    return { reason: 'temporal_backoff', ...(detail && { detail }) };
  }
  if (rate.refused) return { reason: 'temporal_backoff', detail: 'resource_exhausted' };
  if (uncommitted) return { reason: 'commit_failing', ...(detail && { detail }) };
  if (!waiting) return fault ?? { reason: 'no_fetch' };
  const undecoded = decodeFailures.get(partition);
  if (undecoded !== undefined) return { reason: 'decode_failing', detail: undecoded };
  const own = running.oldest((memo) => memo.partition === partition);
  if (execution.lane === 'chunk') {
    const oldest = own ?? running.oldest(() => true);
    return oldest ? { reason: 'chunk_open', oldest } : { reason: 'records_waiting' };
  }
  if (running.size >= maxOpen) {
    const oldest = running.oldest(() => true);
    return { reason: 'max_open', ...(oldest && { oldest }) };
  }
  return { reason: 'records_waiting', ...(own && { oldest: own }) };
}
