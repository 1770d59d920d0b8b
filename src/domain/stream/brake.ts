import type { LastingState } from './lasting-state';

/**
 * When a stream is braked, which means that nothing more of it is started. Otherwise a broken sink would drain its topic into its
 * dead-letter topic.
 */
export interface BrakeLimits {
  /**
   * The share of dead letters from which the stream is braked, 0 to 1. It counts only records that were tried
   * at the sink: dead letters per record that ended. Default 0.5.
   */
  share: number;
  /**
   * The same limit for invalid records, which are never tried at the sink: invalid records per record that
   * ended. Records without a value do not count. Default 0.9.
   */
  invalidShare: number;
  /** The fewest dead letters that can brake the stream. Default 50. */
  minimum: number;
  /** The time window in which records are counted, in milliseconds. Default 60,000. */
  windowMs: number;
  /**
   * The wait before a braked stream starts one record as a probe, to see whether it can be delivered again;
   * in milliseconds. The wait doubles each time, up to ten times its first length. Default 30,000.
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

/** Why a stream is braked. It is input and memo of the workflow that runs while the stream is braked. */
export interface BrakeReason {
  stream: string;
  /** When the stream was braked, in ISO 8601. */
  since: string;
  /** Number of dead letters within the window. */
  deadLetters: number;
  /** Dead letters per record that ended within the window, 0 to 1. */
  share: number;
  /** The most frequent error type of those dead letters. */
  errorType: string;
}

const LONGEST_WAIT = 10;

/**
 * When the next probe is due, in milliseconds since the epoch: 1, 3, 7, 15, 25, 35 … times `probeAfterMs`
 * after `sinceMs`.
 */
export function nextProbe(sinceMs: number, probeAfterMs: number, now: number): number {
  let at = sinceMs;
  for (let wait = 1; at <= now; wait = Math.min(wait * 2, LONGEST_WAIT)) at += wait * probeAfterMs;
  return at;
}

function describeBrake({ since, deadLetters, share, errorType }: BrakeReason): string {
  const percent = Math.round(share * 100);
  return `braked since ${since}: ${deadLetters} dead letters, ${percent} % of the records that ended, most of them ${errorType}`;
}

/** A stream is braked from too many dead letters until a delivery succeeds, or until `cloudsync resume`. */
export const BRAKE: LastingState<BrakeReason> = {
  workflowType: 'brakeStream',
  workflowId: (stream) => `${stream}-brake`,
  describe: describeBrake,
};
