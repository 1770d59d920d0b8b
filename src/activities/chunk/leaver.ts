import type { InvalidReason, KafkaRecord } from '../../domain/record/record';
import {
  startAfter,
  startOfInvalidRecord,
  startOfRecord,
} from '../../domain/workflow/record-start';
import type { ChunkAttempt } from './chunk-attempt';
import type { ChunkRecords } from './chunk-records';
import type { ChunkDependencies } from './dependencies';

/** A record that leaves its chunk: valid, with the attempts made at the sink, or invalid, with the reason. */
export type Leaving =
  | { record: KafkaRecord; messageId: string; attempts: number }
  | { record: KafkaRecord; reason: InvalidReason };

/** Lets records leave their chunk. Each gets a workflow of its own, and continues in the record lane. */
export class Leaver {
  constructor(
    private readonly deps: Pick<ChunkDependencies, 'stream' | 'startOwnWorkflow'>,
    private readonly attempt: ChunkAttempt,
    private readonly records: ChunkRecords,
  ) {}

  /** Whether the record may have a workflow already: an attempt has asked for one, and had no answer in time. */
  mayHaveLeft({ offset }: KafkaRecord): boolean {
    return this.attempt.progress.leaving.has(offset);
  }

  /**
   * Resolves with the id of the record's workflow, which waits for the workflow `after`; with undefined if an
   * overlapping attempt, whose time was up, has settled the record after all.
   */
  async leave(leaving: Leaving, after?: string): Promise<string | undefined> {
    const { progress } = this.attempt;
    const { record } = leaving;
    const start = startAfter(this.#startOf(leaving), after);
    progress.leaving.add(record.offset);
    const workflowId = await this.attempt.inTime((signal) =>
      this.deps.startOwnWorkflow(start, record, signal),
    );
    if (!this.records.settle(record)) return undefined;
    progress.handedOn++;
    return workflowId;
  }

  #startOf(leaving: Leaving) {
    const { stream } = this.deps;
    const { record } = leaving;
    return 'reason' in leaving
      ? startOfInvalidRecord(stream, record, leaving.reason)
      : startOfRecord(stream, record, leaving.messageId, leaving.attempts);
  }
}
