import type { AnyStream } from '../../domain/stream/stream';
import type { Backoff } from '../starts/backoff';
import type { RunningWorkflows } from '../starts/running-workflows';
import type { FetchFault } from '../partition/partition-window';
import type { StallCause } from './stalls';
import type { StartRate } from '../starts/start-rate';

/** What a partition's window is like. */
export interface WindowState {
  partition: number;
  /** Offsets are finished that are not committed. */
  uncommitted: boolean;
  /** How Kafka names the error of the last commit; undefined: none, or one without a name. */
  commitFault?: string | undefined;
  /** Records were fetched that are not started. */
  waiting: boolean;
  /** Why the last fetch gave nothing that can be read; undefined: it did. */
  fault: FetchFault | undefined;
}

/** Why the partition makes no progress, by the state of what its records pass through. */
export function stallCause(
  { execution, maxOpen }: AnyStream,
  { partition, uncommitted, commitFault: detail, waiting, fault }: WindowState,
  {
    backoff,
    rate,
    open,
    braked,
    decodeFailures,
  }: {
    backoff: Backoff;
    rate: StartRate;
    open: RunningWorkflows;
    braked: boolean;
    /** By partition. */
    decodeFailures: ReadonlyMap<number, string>;
  },
): StallCause {
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
  const own = open.oldest((memo) => memo.partition === partition);
  if (execution.lane === 'chunk') {
    const oldest = own ?? open.oldest(() => true);
    return oldest ? { reason: 'chunk_open', oldest } : { reason: 'records_waiting' };
  }
  if (open.size >= maxOpen) {
    const oldest = open.oldest(() => true);
    return { reason: 'max_open', ...(oldest && { oldest }) };
  }
  return { reason: 'records_waiting', ...(own && { oldest: own }) };
}
