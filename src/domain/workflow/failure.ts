import type { ErrorTypeFacts } from '../errors';
import { HEAD_OF_KEY, HELD_BY_KEY } from '../stream/hold';

/** The types of failures that are not the fault of a sink or of a record's content, with the facts of each. */
export const WORKFLOW_FAILURE_TYPES = {
  Timeout: { givenBy: 'Temporal: an attempt took too long', anotherAttempt: 'yes' },
  [HELD_BY_KEY]: {
    givenBy: "`afterDeadLetter: 'hold'`: its key waits",
    anotherAttempt: 'no, dead-lettered behind a dead one of its key',
  },
  [HEAD_OF_KEY]: {
    givenBy: "`afterDeadLetter: 'hold'`: a local attempt at the first record of a held key",
    anotherAttempt: 'yes, by the regular activity',
  },
  ChunkNotHeld: {
    givenBy: 'the local attempt at a chunk whose records are not in the memory of the process',
    anotherAttempt: 'yes, by the regular activity, which reads the records from Kafka',
  },
  Unfinished: {
    givenBy: 'an attempt at a chunk whose time is up',
    anotherAttempt: 'yes, it continues where this attempt ended',
  },
  RecordsExpired: {
    givenBy: "Kafka's retention, in the chunk lane",
    anotherAttempt: 'no: the chunk fails, what is left of it is delivered',
  },
} as const satisfies Record<string, ErrorTypeFacts>;
export type WorkflowFailureType = keyof typeof WORKFLOW_FAILURE_TYPES;

/** Why a record could not be delivered. The dead letter and the failed workflow carry this. */
export interface RecordFailure {
  /**
   * `Transient`, `Throttled`, `Permanent`, `ContentConflict`, `Timeout`, the name of a failure of Temporal,
   * or the reason why the record is invalid.
   */
  type: string;
  /** What went wrong, for people. */
  message: string;
  /** Attempts at the sink, as far as known; 0 for a record that was never tried. */
  attempts: number;
}

/** The details that the `deliver` activity adds to its failures and heartbeats. */
export interface AttemptDetails {
  attempt: number;
  /** Milliseconds for which the sink asks to be left alone; see `Throttled`. */
  retryAfterMs?: number;
}
