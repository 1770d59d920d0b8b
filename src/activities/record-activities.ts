import type {
  InvalidReason,
  InvalidRecordInput,
  RecordEnvelope,
  RecordInput,
  RecordMemo,
} from '../domain/record';
import type { RecordStart } from '../domain/record-start';
import type { RecordFailure } from '../workflows/failure';

export interface DeliverResult {
  /** `duplicate`: another record had brought the same message to the sink before. */
  outcome: 'delivered' | 'duplicate';
  /** Attempts made at the sink in all. */
  attempts: number;
  /** Where the message lies, as the sink says. */
  location?: string;
}

/** The activities of a stream's worker, as workflows call them. */
export interface RecordActivities {
  /** One attempt at the sink. `earlierAttempts`: those of an earlier stage of the same workflow. */
  deliver(record: RecordInput, earlierAttempts: number): Promise<DeliverResult>;
  /** Sends the record to the stream's dead-letter topic. */
  deadLetter(
    record: RecordEnvelope & { messageId?: string },
    failure: RecordFailure,
  ): Promise<void>;
  /** Checks a record that was invalid against the stream's schema as it is now. */
  parse(
    record: InvalidRecordInput,
  ): Promise<{ ok: true; start: RecordStart } | { ok: false; reason: InvalidReason }>;
  /** Whose workflow has this id; `gone` when none has it any more. */
  holder(workflowId: string, memo: RecordMemo): Promise<'this record' | 'another record' | 'gone'>;
}
