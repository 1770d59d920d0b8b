/** When a stream is braked: it is paused, in place of draining its topic into its dead-letter topic. */
export interface BrakeLimits {
  /**
   * Dead letters of records that the sink was asked for, per such record that ended: from this share on, 0 to 1,
   * the stream is braked. Default 0.5.
   */
  share: number;
  /**
   * The same share for records that are invalid, which no sink was asked for, per record that ended. Records without
   * a value do not count. Default 0.9.
   */
  invalidShare: number;
  /** Dead letters below which it never is. Default 50. */
  minimum: number;
  /** The time in which both are counted, in milliseconds. Default 60,000. */
  windowMs: number;
  /**
   * When a braked stream lets one record through, to see whether it can be delivered again; in milliseconds.
   * Doubles each time, up to ten times as long. Default 30,000.
   */
  probeAfterMs: number;
}

export const DEFAULT_BRAKE_LIMITS: BrakeLimits = {
  share: 0.5,
  invalidShare: 0.9,
  minimum: 50,
  windowMs: 60_000,
  probeAfterMs: 30_000,
};

/** Why a stream is braked: input and memo of the workflow that runs for as long as it is. */
export interface BrakeReason {
  stream: string;
  /** ISO 8601. */
  since: string;
  /** Within the window. */
  deadLetters: number;
  /** Dead letters per record that ended within the window, 0 to 1. */
  share: number;
  /** The most frequent error type of those dead letters. */
  errorType: string;
}

/** There is one workflow of this id at a time: the running execution is the lock. */
export function brakeWorkflowId(stream: string): string {
  return `${stream}-brake`;
}

export const BRAKE_WORKFLOW_TYPE = 'brakeStream';
export const RESUME_SIGNAL = 'resume';

const LONGEST_WAIT = 10;

/** When the next record may be let through, in milliseconds since the epoch: after 1, 3, 7, 15, 25, 35 … waits. */
export function nextProbe(sinceMs: number, probeAfterMs: number, now: number): number {
  let at = sinceMs;
  for (let wait = 1; at <= now; wait = Math.min(wait * 2, LONGEST_WAIT)) at += wait * probeAfterMs;
  return at;
}

export function describeBrake({ since, deadLetters, share, errorType }: BrakeReason): string {
  const percent = Math.round(share * 100);
  return `braked since ${since}: ${deadLetters} dead letters, ${percent} % of the records that ended, most of them ${errorType}`;
}
