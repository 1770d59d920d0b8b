import type { WindowEntry } from './partition/partition-window';

/**
 * How a stream brings records to the sink: each in a workflow of its own, or a run of records in one workflow. A lane
 * gets entries from the consumer, and finishes each of them in its window once the entry's offset may be committed.
 */
export interface Lane {
  /**
   * Entries of one window, in the order of offsets. Each entry comes once for each time that this process owns its
   * partition. Must not throw.
   */
  accept(entries: WindowEntry[]): void;
  /** Windows were revoked: the lane drops what waits of their records. Must not throw. */
  dropRevoked(): void;
  /** Starts nothing more; resolves when the server has answered each start under way, or its start was given up. */
  stop(): Promise<void>;
  /** Workflows in their first workflow task. */
  readonly inFlightCount: number;
}
