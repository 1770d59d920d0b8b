import type { AuditEntry, ReplayEntry } from '../dead-letters/state-entries';

/** The most audit entries in memory. Older ones stay on the topic. */
const MAX_AUDIT = 10_000;

/** What the state topic says about replays and about what people did, as of the last read. */
export class StreamLog {
  /** By id, in the order of their first entries. */
  readonly replays = new Map<string, ReplayEntry>();
  /** By replay, the offset of its last entry on the state topic. */
  readonly replayOffsets = new Map<string, number>();
  /** By id, in the order of their first entries. */
  readonly audit = new Map<string, AuditEntry>();

  add(entry: ReplayEntry | AuditEntry, offset: number): void {
    if (entry.kind === 'replay') {
      this.replays.set(entry.request.replay, entry);
      this.replayOffsets.set(entry.request.replay, offset);
      return;
    }
    this.audit.set(entry.id, entry);
    if (this.audit.size > MAX_AUDIT) this.audit.delete(this.audit.keys().next().value!);
  }
}
