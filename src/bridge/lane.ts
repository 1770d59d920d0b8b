import type { WindowEntry } from './partition/partition-window';

/**
 * Brings the records of a stream to the sink: each record in a workflow of its own, or a run of records in one
 * workflow. A lane gets entries from the consumer, and finishes each entry in its window once its offset may be
 * committed.
 */
export interface Lane {
  /**
   * Takes entries of one window, in the order of offsets. Each entry comes once for each time that this process owns
   * its partition. Must not throw.
   */
  accept(entries: WindowEntry[]): void;
  /** Drops the waiting records of revoked windows. Must not throw. */
  dropRevoked(): void;
  /** Starts nothing more. Resolves when each start under way was answered by the server or was given up. */
  stop(): Promise<void>;
  /** Number of workflows whose start is under way, or that are in their first workflow task. */
  readonly inFlightCount: number;
}
