import type { RecordPosition } from '../record/record';

/** Which dead letters a replay takes. A letter must match all filters that are given. */
export interface ReplayFilters {
  errorTypes?: string[] | undefined;
  /** Failed at or after this time, ISO 8601. */
  since?: string | undefined;
  /** Failed at or before this time, ISO 8601. */
  until?: string | undefined;
  messageIds?: string[] | undefined;
  /** Positions on the dead-letter topic, `partition:offset`. */
  places?: string[] | undefined;
  /** Ids of groups of letters with the same error, as `dlq groups` shows them. */
  groups?: string[] | undefined;
  /** A text that the message id, the key, the error or the workflow id contains, in any case. */
  text?: string | undefined;
  /** Run or send at most this many, the oldest records first. */
  limit?: number | undefined;
}

/** Input of the workflow `replayLetters`. */
export interface ReplayRequest {
  stream: string;
  /** The replay's id. A replay that goes on after a stop keeps its id. */
  replay: string;
  /** Who asked for the replay, as `user@host`. */
  by: string;
  /** When it was asked for, ISO 8601. */
  at: string;
  deadLetterTopic: string;
  /**
   * The ranges of the dead-letter topic when the replay was asked for. So letters that the replay itself causes
   * are not replayed.
   */
  ranges: { partition: number; low: number; high: number }[];
  filters: ReplayFilters;
  /** Limit for how often a record is sent back to its topic. */
  maxReplays: number;
  /** Wait for the end of each record. A stream that delivers in order waits in any case. */
  wait: boolean;
  /** Limit for the records that are begun per second. Absent: no limit. */
  rate?: number | undefined;
}

/** What a replay did with one letter. */
export type ReplayOutcome =
  'replayed' | 'sentBack' | 'refused' | 'failed' | 'superseded' | 'waiting';

/** How a replayed record ended. */
export type RecordEnd = 'delivered' | 'deadAgain';

/** Where the end of a replayed record shows: at a run of a workflow, or at the record's new position. */
export type UnderWay =
  { workflowId: string; runId: string } | { sentTo: RecordPosition; timestamp: number };

/** How far a replay has come. Details of the heartbeats of its activity, and the activity's result. */
export interface ReplayProgress {
  /** What it does now, in words. */
  text: string;
  /** Letters of the plan whose turn has come. */
  done: number;
  /** Letters of the plan; null while the plan is made. */
  total: number | null;
  /** Letters by what was done with them, and by how their records ended. */
  counts: Partial<Record<ReplayOutcome | RecordEnd, number>>;
  /** What the operator should know. */
  notices: string[];
}

/** Result of the workflow `replayLetters`. */
export interface ReplayResult {
  /** Who stopped the replay, as `user@host`; null if the replay came to its end. */
  stoppedBy: string | null;
  /** Null if the replay was stopped while no worker had it. */
  progress: ReplayProgress | null;
}

export interface ReplayActivities {
  /** Makes the plan and carries it out. Its cancellation ends it after the records under way. */
  replayLetters(request: ReplayRequest): Promise<ReplayProgress>;
}

/**
 * The id of a stream's replay. Only one replay of a stream runs at a time, so no two replays send the same letter:
 * the running execution is the lock.
 */
export function replayWorkflowId(stream: string): string {
  return `${stream}-replay`;
}

export const REPLAY_WORKFLOW_TYPE = 'replayLetters';
/** Ends the replay after the records under way. */
export const STOP_REPLAY_SIGNAL = 'stop';
/** The failure of a replay that can't succeed as it was asked for, such as one of a letter that does not exist. */
export const REPLAY_REFUSED = 'ReplayRefused';
