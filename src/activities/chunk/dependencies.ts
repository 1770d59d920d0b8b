import type { RecordReader } from '../../kafka/reader';
import type { RecentLayer } from '../../dedupe/recent-layer';
import type { KafkaRecord } from '../../domain/record/record';
import type { AnyStream } from '../../domain/stream/stream';
import type { ChunkInput } from '../../domain/workflow/chunk';
import type { ChunkProgress } from '../../domain/workflow/chunk-progress';
import type { RecordStart } from '../../domain/workflow/record-start';
import type { Tracing } from '../../telemetry/tracing';
import type { DeliveryGuard } from '../guard/delivery-guard';
import type { DeliveredRecord, DeliveryEvents } from '../record/deliver';

/** The records of open chunks, in the memory of the process that has consumed them. */
export interface RememberedChunks {
  get(chunk: ChunkInput): ChunkProgress | undefined;
}

/**
 * Makes the record durable in a workflow of its own; resolves with the workflow's id. Begins no start once the
 * signal has aborted.
 */
export type StartOwnWorkflow = (
  start: RecordStart,
  record: KafkaRecord,
  signal: AbortSignal,
) => Promise<string>;

/** What happens to the records of chunks, for logs and metrics. */
export interface ChunkEvents extends Pick<DeliveryEvents, 'attemptFailed' | 'attemptSucceeded'> {
  /** `count` records of a partition are at the sink because of their chunk. */
  delivered(partition: number, count: number): void;
  duplicate(record: DeliveredRecord, layer: 'recent' | 'sink'): void;
  /** Layer `recent` was asked about `count` records of a partition. */
  checked(partition: number, count: number): void;
  /** The record waits for a copy of its message that is in flight. */
  waiting(record: DeliveredRecord): void;
  /** The stream skips `count` records of a partition. */
  filtered(partition: number, count: number): void;
  /** Records of a partition can't be decoded for now, with the reason; undefined: they can again. */
  decoding(partition: number, failure: string | undefined): void;
  /** `count` records are no longer on the broker. */
  expired(count: number): void;
}

/** Resolves when the workflow has ended, or does not exist. Rejects when the signal aborts. */
export type WorkflowEnd = (workflowId: string, signal: AbortSignal) => Promise<void>;

export interface ChunkDependencies {
  stream: AnyStream;
  events: ChunkEvents;
  reader: RecordReader;
  startOwnWorkflow: StartOwnWorkflow;
  /** Absent in a process that consumes no records. */
  remembered?: RememberedChunks;
  recent: RecentLayer;
  workflowEnd: WorkflowEnd;
  guard: Pick<DeliveryGuard, 'heldKeys'>;
  /** Absent: no spans. */
  tracing?: Tracing | undefined;
}
