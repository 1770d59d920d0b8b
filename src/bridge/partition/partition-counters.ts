import {
  COUNTERS,
  emptyTotals,
  formatCommitMetadata,
  type CommitMetadata,
  type CounterName,
  type CounterTotals,
} from '../../domain/commit-metadata';
import { Predecessors } from './predecessors';

/**
 * Counts the totals of one partition in this process, and turns them into commit metadata. Every owner of the
 * partition adds to what the earlier owners committed.
 */
export class PartitionCounters {
  /** Only for ordered streams: workflows that may be open although the offset of their record is committed. */
  readonly predecessors = new Predecessors(() => (this.#changed = true));
  /** What this process has counted. */
  readonly #totals = emptyTotals();
  /** The part of `#totals` that is already committed or handed to another partition. `drainTo` moves the difference. */
  #settled = emptyTotals();
  /** The part of `#totals` that the last metadata has. It is settled when that commit has succeeded. */
  #sent = emptyTotals();
  /** Counts in place of this object once the partition is revoked. */
  #heir: PartitionCounters | undefined;
  /** What earlier owners committed. Undefined until that is known; until then nothing may be committed. */
  #base: CounterTotals | undefined;
  #changed = false;

  add(field: CounterName, count = 1): void {
    if (this.#heir) return this.#heir.add(field, count);
    this.#totals[field] += count;
    this.#changed = true;
  }

  /** Starts from the metadata that the group's last commit on this partition carried. */
  load({ totals, predecessors }: CommitMetadata): void {
    this.#base = totals;
    this.predecessors.load(predecessors);
  }

  get loaded(): boolean {
    return this.#base !== undefined;
  }

  get changed(): boolean {
    return this.#changed;
  }

  /**
   * Returns the metadata for the next commit: a few hundred bytes, and the list of predecessors. The broker takes
   * 4,096 bytes.
   */
  toMetadata(rest: Omit<CommitMetadata, 'totals' | 'predecessors'> = {}): string {
    const totals = { ...(this.#base ?? emptyTotals()) };
    for (const field of COUNTERS) totals[field] += this.#totals[field];
    this.#changed = false;
    this.#sent = { ...this.#totals };
    return formatCommitMetadata({ ...rest, totals, predecessors: this.predecessors.list });
  }

  /** The commit that carried the metadata succeeded. */
  committed(): void {
    this.#settled = this.#sent;
  }

  /** Moves to `other` what was added since the last commit, and was not moved yet. */
  drainTo(other: PartitionCounters): void {
    for (const field of COUNTERS) {
      const rest = this.#totals[field] - this.#settled[field];
      if (rest > 0) other.add(field, rest);
    }
    this.#settled = { ...this.#totals };
  }

  /**
   * Lets `heir` count from now on, because the partition was revoked. What was not committed moves to the heir. Later
   * additions go to the heir too, for example when a workflow ends. If a commit has failed here but has taken effect
   * on the broker, its part counts twice.
   */
  leaveTo(heir: PartitionCounters): void {
    this.drainTo(heir);
    this.#heir = heir;
  }

  /** The commit that carried the metadata failed. */
  commitFailed(): void {
    this.#changed = true;
  }
}
