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

export interface DeliverResult {
  /** `duplicate`: another record had brought the same message to the sink before. */
  outcome: 'delivered' | 'duplicate';
  /** Attempts made at the sink in all. */
  attempts: number;
  /** Where the message lies, as the sink says. */
  location?: string;
}

/** What became of a chunk's records; together all that the range holds. */
export interface ChunkResult {
  /** At the sink because of the chunk. */
  delivered: number;
  /** Skipped: the message was delivered before. */
  duplicates: number;
  /** Gone on in workflows of their own: what is invalid, and what failed. */
  handedOn: number;
  /** No longer on the broker. */
  expired: number;
  /** Passed by, as the stream says. Absent: none. */
  filtered?: number;
  /**
   * Under an order of keys, where there are any: of each key whose records left, the last one's workflow,
   * unless that is known to have ended.
   */
  tails?: Predecessor[];
}

/** The activities of a stream's worker, as workflows call them. */
export interface RecordActivities {
  /** One attempt at the sink. `earlierAttempts`: those of an earlier stage of the same workflow. */
  deliver(record: RecordInput, earlierAttempts: number): Promise<DeliverResult>;
  /** One attempt at a chunk of records. */
  deliverChunk(chunk: ChunkInput, retry: RetryPolicy): Promise<ChunkResult>;
  /** Sends the record to the stream's dead-letter topic. */
  deadLetter(
    record: RecordEnvelope & { messageId?: string },
    failure: RecordFailure,
  ): Promise<void>;
  /** Checks a record that was invalid against the stream's schema as it is now. */
  parse(
    record: InvalidRecordInput,
  ): Promise<
    { ok: true; start: RecordStart } | { ok: false; reason: InvalidReason; filtered?: true }
  >;
  /** Whose workflow has this id; `gone` when none has it any more. */
  holder(workflowId: string, memo: RecordMemo): Promise<'this record' | 'another record' | 'gone'>;
}

/** How a record's workflow ended. */
export type RecordOutcome =
  /** At the sink because of this workflow. */
  | 'delivered'
  /** The sink held the message before. */
  | 'duplicate'
  | 'dead_lettered'
  /** Any other end: cancelled, a user's own workflow failed, or what records have left to end elsewhere. */
  | 'failed';
