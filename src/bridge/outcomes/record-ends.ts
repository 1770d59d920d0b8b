import type { RecordMemo } from '../../domain/record/record';
import type { Metrics } from '../../telemetry/metrics';
import type { StreamBrake } from '../brake/stream-brake';
import type { RecordOutcome } from '../../domain/workflow/record-activities';
import type { PartitionCounters } from '../partition/partition-counters';
import type { RunningWorkflows } from '../starts/running-workflows';

/** A workflow that ends in this process, as the SDK describes it. */
export interface EndingWorkflow {
  workflowId: string;
  runId: string;
  workflowType: string;
  memo?: Record<string, unknown>;
}

export interface RecordEndsDependencies {
  stream: { name: string };
  metrics: Metrics;
  brake: Pick<StreamBrake, 'closed'>;
  /** The workflows that this process has started. */
  open: Pick<RunningWorkflows, 'has'>;
  /** The totals of a partition; undefined in a process without a consumer, which keeps none. */
  countersOf?: (partition: number) => PartitionCounters | undefined;
}

/** Runs that are remembered: some seconds of them. */
const MAX_COUNTED = 10_000;

/**
 * Counts how records end. A record counts in the process in which its workflow ends, whoever has started that, so
 * that a restart between start and end loses nothing. Only for the brake it counts where it was started: see
 * `createStreamBrake`.
 */
export class RecordEnds {
  /** Run ids. A workflow task that the server does not take is done again, and tells the end once more. */
  readonly #counted = new Set<string>();

  constructor(private readonly deps: RecordEndsDependencies) {}

  ended(workflow: EndingWorkflow, outcome: RecordOutcome, letterType?: string): void {
    const { workflowId, runId, workflowType, memo } = workflow;
    // Before `RunningWorkflows` hears of the end.
    if (this.deps.open.has(workflowId)) this.deps.brake.closed(workflowType, outcome, letterType);
    if (outcome === 'failed' || !isRecord(workflowType, memo) || this.#counted.has(runId)) return;
    this.#counted.add(runId);
    if (this.#counted.size > MAX_COUNTED) {
      const [oldest] = this.#counted;
      this.#counted.delete(oldest!);
    }
    this.#count(memo, outcome);
  }

  #count({ messageId, partition }: RecordMemo, outcome: RecordOutcome): void {
    const { stream, metrics, countersOf } = this.deps;
    const counted = messageId === null ? 'invalid' : outcome;
    metrics.records.inc({ stream: stream.name, outcome: counted });
    if (counted === 'delivered') countersOf?.(partition)?.add('delivered');
    if (counted === 'duplicate') countersOf?.(partition)?.add('sink');
  }
}

/** Not a chunk, whose records count one by one, nor a brake or a workflow that a user's own has started. */
function isRecord(
  workflowType: string,
  memo: Record<string, unknown> | undefined,
): memo is Record<string, unknown> & RecordMemo {
  const { messageId, partition, offset } = memo ?? {};
  const isMessage = typeof messageId === 'string' || messageId === null;
  const isAt = typeof partition === 'number' && typeof offset === 'number';
  return isMessage && isAt && workflowType !== 'deliverChunk';
}
