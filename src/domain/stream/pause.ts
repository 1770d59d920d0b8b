import type { LastingState } from './lasting-state';

/** Why a stream is paused. It is input and memo of the workflow that runs while the stream is paused. */
export interface PauseReason {
  stream: string;
  /** When the stream was paused, in ISO 8601. */
  since: string;
  /** Who paused it, as `user@host`. */
  by: string;
  /** Why, in the operator's words; null if they gave no reason. */
  reason: string | null;
}

/** The most characters of a reason. It goes into the memo of a workflow, which Temporal limits. */
export const MAX_REASON = 500;

/** A stream is paused from an operator's `cloudsync pause` until `cloudsync resume`. */
export const PAUSE: LastingState<PauseReason> = {
  workflowType: 'pauseStream',
  workflowId: (stream) => `${stream}-pause`,
  describe: ({ since, by, reason }) =>
    `paused since ${since} by ${by}${reason === null ? '' : `: ${reason}`}`,
};
