import { proxySinks, type Sinks } from '@temporalio/workflow';
import type { RecordOutcome } from '../domain/workflow/record-activities';

/**
 * What workflows report to the process that runs them. Whenever a workflow runs in the bridge's own process, the
 * bridge frees the record's slot without asking the server.
 */
export interface BridgeSinks extends Sinks {
  bridge: {
    /** The workflow waits for a regular activity, a timer or its predecessor: its first workflow task is over. */
    firstTaskOver(): void;
    /**
     * The workflow ends now; the server does not know it yet. `letterType`: error type of its dead letter, if any.
     */
    ended(outcome: RecordOutcome, letterType?: string): void;
  };
}

export const { bridge } = proxySinks<BridgeSinks>();
