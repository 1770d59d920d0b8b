import type { ChunkEvents } from '../../activities/chunk/dependencies';
import type { RecordEvents } from '../../activities/create-activities';
import type { RecordMemo, RecordPosition } from '../../domain/record/record';
import type { RecordOutcome } from '../../domain/workflow/record-activities';
import { DUPLICATE_SKIPPED, type Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { Brake } from '../brake/brake';
import type { PartitionCounters } from '../partition/partition-counters';
import type { RunningWorkflows } from '../starts/running-workflows';

/** A workflow that ends in this process, as the SDK describes it. */
export interface EndingWorkflow {
  workflowId: string;
  runId: string;
  workflowType: string;
  memo?: Record<string, unknown>;
}

export interface OutcomesDependencies {
  stream: { name: string };
  metrics: Metrics;
  logger: Logger;
  /** Undefined if the stream has no brake. */
  brake: Pick<Brake, 'delivered' | 'deliverySucceeded' | 'deadLettered' | 'invalid'> | undefined;
  /** The workflows whose end this process waits for: nearly all are those that it has started. */
  running: Pick<RunningWorkflows, 'has'>;
  /** The counters of each partition. Absent in a process without a consumer. */
  consumer?: { countersOf(partition: number): PartitionCounters };
  /** By partition: why its records can't be decoded for now. */
  decodeFailures?: Map<number, string>;
}

type SkippedRecord = RecordPosition & { stream: string; messageId: string | null };

/** How many run ids are remembered: those of some seconds. */
const MAX_COUNTED = 10_000;

/**
 * The one place that counts how the records of a stream end: for the metrics, the counters of the partition, the log
 * and the brake.
 *
 * 1. A record with a workflow of its own counts in the process in which the workflow ends, whichever process started
 *    the workflow. So a restart between start and end loses no count.
 * 2. Among records with a workflow of their own, the brake counts only those whose end this process waits for.
 *    Deliveries and dead letters then come from the same set. A process that merely ran the last activity of another's
 *    record sees mostly dead letters, and would brake a healthy stream.
 * 3. A record of a chunk counts when its chunk has delivered it.
 * 4. A record that gets no workflow counts when it is skipped. The counters of its partition include it from the
 *    commit that covers its offset (`PartitionWindow.settleSkipped`), because until then the record may come again.
 */
export class Outcomes {
  /** Counted run ids. If the server refuses a workflow task, the task runs again and reports the end once more. */
  readonly #counted = new Set<string>();

  constructor(private readonly deps: OutcomesDependencies) {}

  /**
   * Counts the end of a workflow. Call this before {@link RunningWorkflows} hears of the end, because that class then
   * forgets the workflow. `letterType` is the error type of the dead letter, if there is one.
   */
  workflowEnded(workflow: EndingWorkflow, outcome: RecordOutcome, letterType?: string): void {
    const { workflowId, runId, workflowType, memo } = workflow;
    if (this.deps.running.has(workflowId)) this.#tellBrake(workflowType, outcome, letterType);
    if (outcome === 'failed' || !isRecord(workflowType, memo) || this.#counted.has(runId)) return;
    this.#counted.add(runId);
    if (this.#counted.size > MAX_COUNTED) {
      const [oldest] = this.#counted;
      this.#counted.delete(oldest!);
    }
    const { messageId, partition } = memo;
    const counted = messageId === null ? 'invalid' : outcome;
    this.#count(counted);
    if (counted === 'delivered') this.#countersOf(partition)?.add('delivered');
    if (counted === 'duplicate') this.#countersOf(partition)?.add('sink');
  }

  /** The record gets no workflow, because `layer` knows it. */
  duplicate(record: SkippedRecord, layer: 'recent' | 'workflow-id'): void {
    this.#skipped(record, layer);
    this.#count('duplicate');
  }

  /** The record gets no workflow, because the stream skips such records. */
  filtered(): void {
    this.#count('filtered');
  }

  /** What the activities of records with a workflow of their own report. */
  readonly ofRecords: RecordEvents = {
    duplicateAtSink: (record) => this.#skipped(record, 'sink'),
    attemptFailed: (...failed) => this.#attemptFailed('warn', ...failed),
    attemptSucceeded: (...succeeded) => this.#attemptSucceeded(...succeeded),
    deadLettered: (record, { type: errorType, message, attempts }) => {
      const fields = { ...record, errorType, error: message, attempts };
      this.deps.logger.warn(fields, 'Record is dead-lettered');
    },
  };

  /** What the activities of chunks report. */
  readonly ofChunks: ChunkEvents = {
    // Thousands of records of a chunk may fail at once. The SDK's logger writes one line for the chunk.
    attemptFailed: (...failed) => this.#attemptFailed('debug', ...failed),
    attemptSucceeded: (...succeeded) => this.#attemptSucceeded(...succeeded),
    delivered: (partition, count) => {
      this.#count('delivered', count);
      this.#countersOf(partition)?.add('delivered', count);
      this.deps.brake?.delivered(count);
    },
    duplicate: (record, layer) => {
      this.#skipped(record, layer);
      this.#count('duplicate');
      this.#countersOf(record.partition)?.add(layer);
      // The sink has answered: as in the record lane, that is a delivery for the brake.
      if (layer === 'sink') this.deps.brake?.delivered(1);
    },
    checked: (partition, count) => {
      this.deps.metrics.recentChecks.inc({ stream: this.deps.stream.name }, count);
      this.#countersOf(partition)?.add('checked', count);
    },
    waiting: ({ partition }) => {
      this.deps.metrics.recentLockWaits.inc({ stream: this.deps.stream.name });
      this.#countersOf(partition)?.add('lockWaits');
    },
    filtered: (partition, count) => {
      this.#count('filtered', count);
      this.#countersOf(partition)?.add('filtered', count);
    },
    decoding: (partition, failure) => {
      if (failure === undefined) this.deps.decodeFailures?.delete(partition);
      else this.deps.decodeFailures?.set(partition, failure);
    },
    expired: (count) => {
      const { stream, metrics, logger } = this.deps;
      const fields = { stream: stream.name, count };
      logger.error(fields, 'Records of a chunk are no longer on the broker');
      metrics.recordsExpired.inc({ stream: stream.name }, count);
    },
  };

  #count(outcome: string, count = 1): void {
    this.deps.metrics.records.inc({ stream: this.deps.stream.name, outcome }, count);
  }

  #countersOf(partition: number): PartitionCounters | undefined {
    return this.deps.consumer?.countersOf(partition);
  }

  #skipped(record: SkippedRecord, layer: 'recent' | 'workflow-id' | 'sink'): void {
    const { stream, messageId, topic, partition, offset } = record;
    const fields = { stream, messageId, topic, partition, offset, layer };
    this.deps.logger.info(fields, DUPLICATE_SKIPPED);
    this.deps.metrics.duplicates.inc({ stream, layer });
  }

  #attemptFailed(
    level: 'warn' | 'debug',
    ...[record, errorType, message, attempt]: Parameters<RecordEvents['attemptFailed']>
  ): void {
    const { stream, messageId, topic, partition, offset } = record;
    const where = { stream, messageId, topic, partition, offset };
    const fields = { ...where, errorType, error: message, attempt };
    this.deps.logger[level](fields, 'Attempt at the sink failed');
    this.deps.metrics.retries.inc({ stream, error_type: errorType });
    this.#countersOf(partition)?.add('retries');
  }

  #attemptSucceeded(...[record, seconds]: Parameters<RecordEvents['attemptSucceeded']>): void {
    const { stream, partition } = record;
    this.deps.metrics.deliverySeconds.observe({ stream }, seconds);
    this.deps.brake?.deliverySucceeded();
    const counters = this.#countersOf(partition);
    counters?.add('deliveries');
    counters?.add('deliveryMicros', Math.round(seconds * 1e6));
  }

  #tellBrake(workflowType: string, outcome: RecordOutcome, letterType: string | undefined): void {
    const { brake } = this.deps;
    // Each record of a chunk counts when it is delivered.
    if (workflowType === 'deliverChunk') return;
    if (letterType !== undefined && workflowType === 'invalidRecord') brake?.invalid(letterType);
    else if (letterType !== undefined) brake?.deadLettered(letterType);
    else if (outcome === 'delivered' || outcome === 'duplicate') brake?.delivered(1);
  }
}

/**
 * Whether a workflow belongs to one record. False for a chunk, whose records count one by one, for a brake, and for a
 * workflow that a user's own workflow has started.
 */
function isRecord(
  workflowType: string,
  memo: Record<string, unknown> | undefined,
): memo is Record<string, unknown> & RecordMemo {
  const { messageId, partition, offset } = memo ?? {};
  const isMessage = typeof messageId === 'string' || messageId === null;
  const isAt = typeof partition === 'number' && typeof offset === 'number';
  return isMessage && isAt && workflowType !== 'deliverChunk';
}
