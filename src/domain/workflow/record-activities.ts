import type {
  InvalidReason,
  InvalidRecordInput,
  RecordEnvelope,
  RecordInput,
  RecordMemo,
} from '../record/record';
import type { ChunkInput } from './chunk';
import type { Predecessor } from './key-hash';
import type { RetryPolicy } from '../stream/retry-policy';
import type { RecordStart } from './record-start';
import type { RecordFailure } from './failure';
import type { Filtered } from './parse';

/** What the activity `deliver` gives back. */
export interface DeliverResult {
  /** `duplicate`: another record had delivered the message to the sink before. */
  outcome: 'delivered' | 'duplicate';
  /** Attempts at the sink in total. */
  attempts: number;
  /** Where the sink says that the message is stored. */
  location?: string;
}

/** How the records of a chunk ended. The counts add up to all records of the range. */
export interface ChunkResult {
  /** Delivered to the sink by the chunk. */
  delivered: number;
  /** Skipped, because the message was delivered before. */
  duplicates: number;
  /**
   * Records that left the chunk for workflows of their own: invalid records, and records whose delivery
   * failed.
   */
  handedOn: number;
  /** Records that are no longer on the broker. */
  expired: number;
  /** Records that the stream skips. Absent: none. */
  filtered?: number;
  /**
   * Only for ordered streams: each key of which a record left the chunk, with the workflow of its last such
   * record. A key is not listed if that workflow is known to have ended. Absent: no key.
   */
  tails?: Predecessor[];
}

/** The activities of a stream's worker, as workflows call them. */
export interface RecordActivities {
  /**
   * Makes one attempt at the sink. `earlierAttempts` counts those of earlier stages of the workflow, and of
   * its chunk.
   */
  deliver(record: RecordInput, earlierAttempts: number): Promise<DeliverResult>;
  /**
   * One attempt at a chunk of records.
   * @internal
   */
  deliverChunk(chunk: ChunkInput, retry: RetryPolicy): Promise<ChunkResult>;
  /** Sends the record to the stream's dead-letter topic. */
  deadLetter(
    record: RecordEnvelope & { messageId?: string },
    failure: RecordFailure,
  ): Promise<void>;
  /**
   * Checks a record that was invalid against the stream's schema as it is now.
   * @internal
   */
  parse(
    record: InvalidRecordInput,
  ): Promise<
    | { ok: true; start: RecordStart }
    | { ok: false; reason: InvalidReason; filtered?: undefined }
    | Filtered
  >;
  /**
   * Whose workflow has this id; `gone` when none has it any more.
   * @internal
   */
  holder(workflowId: string, memo: RecordMemo): Promise<'this record' | 'another record' | 'gone'>;
}

/** How a record's workflow ended. */
export type RecordOutcome =
  /** This workflow delivered the record to the sink. */
  | 'delivered'
  /** The sink had the message before. */
  | 'duplicate'
  | 'dead_lettered'
  /**
   * Any other end: the workflow was cancelled, a user's own workflow failed, or a record continues in another
   * workflow.
   */
  | 'failed';
