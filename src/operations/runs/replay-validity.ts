import type { Parsed } from '../../domain/workflow/parse';
import { isInvalidType, type KafkaRecord } from '../../domain/record/record';
import { startOfRecord } from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';

/** The validity of a failed record under the current definition of its stream. */
export interface Validity {
  /** Why the record is not a valid message; absent if it is one. */
  invalid?: string;
  /** Why the stream skips the record now; absent if it does not. */
  skipped?: string;
  /** Whether the record is a message that fits into a workflow's input. */
  fitsWorkflow: boolean;
}

export function validityOf(stream: AnyStream, record: KafkaRecord, parsed: Parsed): Validity {
  if (!parsed.ok) {
    const { type, message } = parsed.reason;
    if (parsed.filtered) return { skipped: message, fitsWorkflow: false };
    return { invalid: `${type}: ${message}`, fitsWorkflow: false };
  }
  const start = startOfRecord(stream, record, parsed.messageId);
  return { fitsWorkflow: !('reason' in start.args[0]) };
}

/**
 * Whether a new run of the record's workflow can end better than the last one. `send`: only if the record comes
 * again from its topic, because the workflow does not hold the record.
 */
export function worthOfRun(
  errorType: string | null,
  { invalid, skipped, fitsWorkflow }: Validity,
): 'run' | 'send' | { refuse: string } {
  if (skipped !== undefined) return { refuse: nowSkipped(skipped) };
  // With another error type the record was valid on arrival. An invalid record becomes valid only by a change of
  // the schema.
  if (!isInvalidType(errorType)) return 'run';
  if (errorType === 'UnreadableBatch') {
    return { refuse: 'it is a batch of records, which no stream can read' };
  }
  if (invalid !== undefined) return { refuse: stillInvalid(invalid) };
  // A workflow that received the record by reference can't read it again, so a new run would end as before.
  return errorType !== 'RejectedByTemporal' && fitsWorkflow ? 'run' : 'send';
}

export function nowSkipped(reason: string): string {
  return `the stream skips its record now: ${reason}`;
}

export function stillInvalid(reason: string): string {
  return `still invalid: ${reason}`;
}
