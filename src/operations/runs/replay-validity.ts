import type { Parsed } from '../../domain/workflow/parse';
import { isInvalidType, type KafkaRecord } from '../../domain/record/record';
import { startOfRecord } from '../../domain/workflow/record-start';
import type { AnyStream } from '../../domain/stream/stream';

/** What a record that was given up is to its stream as it is defined now. */
export interface Validity {
  /** Why it is no message. */
  invalid?: string;
  /** Whether it is a message that can travel in a workflow's input. */
  fitsWorkflow: boolean;
}

export function validityOf(stream: AnyStream, record: KafkaRecord, parsed: Parsed): Validity {
  if (!parsed.ok) {
    const { type, message } = parsed.reason;
    return { invalid: `${type}: ${message}`, fitsWorkflow: false };
  }
  const start = startOfRecord(stream, record, parsed.messageId);
  return { fitsWorkflow: !('reason' in start.args[0]) };
}

/**
 * Whether a new run of the record's workflow can end better than the last one. `send`: only if the record comes
 * again from its topic, as the workflow does not hold it.
 */
export function worthOfRun(
  errorType: string | null,
  { invalid, fitsWorkflow }: Validity,
): 'run' | 'send' | { refuse: string } {
  // These were valid when they came; the others can become valid by a change of the schema.
  if (!isInvalidType(errorType)) return 'run';
  if (errorType === 'UnreadableBatch') {
    return { refuse: 'it is a batch of records, which no stream can read' };
  }
  if (invalid !== undefined) return { refuse: stillInvalid(invalid) };
  // A workflow that was given the record by reference can't read it again and would only end as before.
  return errorType !== 'RejectedByTemporal' && fitsWorkflow ? 'run' : 'send';
}

export function stillInvalid(reason: string): string {
  return `still invalid: ${reason}`;
}
