import type { AuditEntry, Disposition, ReplayEntry } from '../dead-letters/state-entries';

/** The most audit entries and decisions in memory. Older ones stay on the topic. */
const MAX_ENTRIES = 10_000;

/** What the state topic says about replays and about what people did, as of the last read. */
export class StreamLog {
  /** By id, in the order of their first entries. */
  readonly replays = new Map<string, ReplayEntry>();
  /** By replay that has ended, the offset of its last entry on the state topic. */
  readonly replayOffsets = new Map<string, number>();
  /** By id, in the order of their first entries. */
  readonly audit = new Map<string, AuditEntry>();

  /** By position of the letter, the last decision about it. */
  readonly dispositions = new Map<string, Disposition>();

  add(entry: ReplayEntry | AuditEntry | Disposition, offset: number): void {
    if (entry.kind === 'disposition') {
      put(this.dispositions, entry.letter, entry);
      return;
    }
    if (entry.kind === 'replay') {
      this.replays.set(entry.request.replay, entry);
      // A replay whose workflow was terminated has only the entry of its begin, and its outcomes lie behind that.
      if (entry.endedAt !== null) this.replayOffsets.set(entry.request.replay, offset);
      else this.replayOffsets.delete(entry.request.replay);
      return;
    }
    put(this.audit, entry.id, entry);
  }
}

function put<T>(entries: Map<string, T>, key: string, entry: T): void {
  entries.set(key, entry);
  if (entries.size > MAX_ENTRIES) entries.delete(entries.keys().next().value!);
}
