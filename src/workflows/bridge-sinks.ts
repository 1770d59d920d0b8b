import { proxySinks, type Sinks } from '@temporalio/workflow';

/** How a record's workflow ended. */
export type RecordOutcome =
  /** At the sink because of this workflow. */
  | 'delivered'
  /** The sink held the message before. */
  | 'duplicate'
  | 'dead_lettered'
  /** Any other end: cancelled, a user's own workflow failed, or what records have left to end elsewhere. */
  | 'failed';

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
