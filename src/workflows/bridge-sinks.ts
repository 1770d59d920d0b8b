import { proxySinks, type Sinks } from '@temporalio/workflow';
import type { RecordOutcome } from '../domain/workflow/record-activities';

/**
 * What workflows tell the process that runs them. The bridge frees a record's place without asking the
 * server, wherever the workflow happens to run in the same process.
 */
export interface BridgeSinks extends Sinks {
  bridge: {
    /** The workflow waits for a regular activity or a timer: its first workflow task is over. */
    handedOver(): void;
    /** The workflow ends now; the server does not know yet. `letterType`: error type of its dead letter. */
    closed(outcome: RecordOutcome, letterType?: string): void;
  };
}

export const { bridge } = proxySinks<BridgeSinks>();
