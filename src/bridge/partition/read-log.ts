import type { KnownLog } from '../../kafka/kafka';
import type { EpochStart } from '../../kafka/records/record-set';

/** Leader epochs in commit metadata: each with the offset that it begins at, as far as that was seen. */
type CommittedEpoch = [offset: number, epoch: number];

/** More of them tell a log that has lost its end several times; the metadata has little room. */
const COMMITTED_EPOCHS = 3;

/**
 * Which log a partition was read from: the id of its topic, and the leader epochs of what was read. An offset
 * alone does not tell, because it may be valid in a log that was made anew, or that has lost its end and
 * grown again. Both travel in the metadata of the committed offset.
 */
export class ReadLog {
  #topicId: string | undefined;
  #epochs: EpochStart[] = [];
  /** The offset after what was read. */
  #end = 0;

  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** Whether the topic with this id is another one than that which was read. False if one is not known. */
  isOther(topicId: string | undefined): boolean {
    return [topicId, this.#topicId].every((id) => id !== undefined) && topicId !== this.#topicId;
  }

  /** Takes over what an earlier owner committed with this offset, unless another program did. */
  load(committed: unknown, offset: number): void {
    const { id, epochs } = (committed ?? {}) as { id?: unknown; epochs?: unknown };
    if (typeof id === 'string') this.#topicId = id;
    if (!Array.isArray(epochs) || !epochs.every(isCommittedEpoch)) return;
    this.#epochs = epochs.map(([from, epoch]) => ({ offset: from, epoch }));
    this.#end = offset;
  }

  /** Takes note of a batch that was read, and ends before `end`. */
  read(topicId: string | undefined, epochs: readonly EpochStart[], end: number): void {
    this.#topicId ??= topicId;
    for (const { offset, epoch } of epochs) {
      const last = this.#epochs.at(-1);
      // After a join, what was read comes again.
      if (last && (offset <= last.offset || epoch === last.epoch)) continue;
      this.#epochs.push({ offset, epoch });
    }
    this.#end = Math.max(this.#end, end);
  }

  /** The leader epoch under which the record at `offset` was written; undefined: not known. */
  epochAt(offset: number): number | undefined {
    if (offset >= this.#end) return undefined;
    return this.#epochs.findLast((one) => one.offset <= offset)?.epoch;
  }

  /** What is known of the log up to an offset. */
  before(offset: number): KnownLog {
    return { topicId: this.#topicId, lastEpoch: this.epochAt(offset - 1) };
  }

  /**
   * Where the log that was read, and one whose last epoch is `epoch` and ends at `endOffset`, part: behind what
   * was read of later epochs nothing is the same.
   */
  partsAt({ epoch, endOffset }: { epoch: number; endOffset: number }): number {
    const later = this.#epochs.find((one) => one.epoch !== undefined && one.epoch > epoch);
    return Math.min(later?.offset ?? Infinity, endOffset);
  }

  /**
   * The first offset of a batch that was read before under another leader epoch: the log has lost what was read there.
   * A broker can't tell this of a fetch that begins before that offset, as after a join. Undefined: nothing differs.
   */
  differsAt(epochs: readonly EpochStart[], end: number): number | undefined {
    for (const [i, { offset, epoch }] of epochs.entries()) {
      const next = epochs[i + 1]?.offset ?? end;
      const starts = this.#epochs.map((one) => one.offset).filter((at) => at > offset && at < next);
      const found = [offset, ...starts].find((at) => {
        const known = this.epochAt(at);
        return known !== undefined && epoch !== undefined && known !== epoch;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Forgets what was read from this offset on. */
  cutTo(offset: number): void {
    this.#epochs = this.#epochs.filter((one) => one.offset < offset);
    this.#end = Math.min(this.#end, offset);
  }

  /** For the metadata of a commit of `offset`; undefined: nothing is known. */
  toMetadata(offset: number): { id?: string; epochs?: CommittedEpoch[] } | undefined {
    const epochs: CommittedEpoch[] = [];
    if (offset <= this.#end) {
      for (const one of this.#epochs.filter((known) => known.offset < offset).reverse()) {
        if (one.epoch === undefined || epochs.length === COMMITTED_EPOCHS) break;
        epochs.unshift([one.offset, one.epoch]);
      }
    }
    if (this.#topicId === undefined) return undefined;
    return { id: this.#topicId, ...(epochs.length > 0 && { epochs }) };
  }
}

function isCommittedEpoch(one: unknown): one is CommittedEpoch {
  return Array.isArray(one) && one.length === 2 && one.every((n) => Number.isSafeInteger(n));
}
