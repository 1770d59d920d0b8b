import type { CommittedEpoch, CommittedLog } from '../../domain/commit-metadata';
import type { KnownLog } from '../../kafka/kafka';
import type { EpochStart } from '../../kafka/records/record-set';

/** Several epochs detect a log that has lost its end several times. The metadata has no room for many. */
const COMMITTED_EPOCHS = 3;

/**
 * Identifies the log that a partition was read from, by the topic's id and by the leader epochs of the records. An
 * offset alone does not identify the log. It may also be valid in a topic that was created again, or in a log that has
 * lost its end and has grown again. Id and epochs are metadata of the committed offset.
 */
export class ReadLog {
  #topicId: string | undefined;
  #epochs: EpochStart[] = [];
  /** The offset after what was read. */
  #end = 0;

  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** Whether this id belongs to another topic than the one that was read. False if one of the two ids is not known. */
  isOther(topicId: string | undefined): boolean {
    return [topicId, this.#topicId].every((id) => id !== undefined) && topicId !== this.#topicId;
  }

  /** Loads what an earlier owner committed with this offset. */
  load({ id, epochs }: CommittedLog, offset: number): void {
    this.#topicId = id ?? this.#topicId;
    if (!epochs) return;
    this.#epochs = epochs.map(([from, epoch]) => ({ offset: from, epoch }));
    this.#end = offset;
  }

  /** Notes a batch that was read. `end` is the offset after the batch. */
  read(topicId: string | undefined, epochs: readonly EpochStart[], end: number): void {
    this.#topicId ??= topicId;
    for (const { offset, epoch } of epochs) {
      const last = this.#epochs.at(-1);
      // After a join, Kafka gives records again that were read before.
      if (last && (offset <= last.offset || epoch === last.epoch)) continue;
      this.#epochs.push({ offset, epoch });
    }
    this.#end = Math.max(this.#end, end);
  }

  /** The leader epoch under which the record at `offset` was written; undefined if it is not known. */
  epochAt(offset: number): number | undefined {
    if (offset >= this.#end) return undefined;
    return this.#epochs.findLast((one) => one.offset <= offset)?.epoch;
  }

  /** What is known about the log before `offset`. */
  before(offset: number): KnownLog {
    return { topicId: this.#topicId, lastEpoch: this.epochAt(offset - 1) };
  }

  /**
   * Returns the offset at which the log that was read parts from the leader's log. `epoch` is the last epoch that both
   * have, and `endOffset` is where it ends in the leader's log. If records of later epochs were read, the two logs part
   * at the first of those records at the latest.
   */
  partsAt({ epoch, endOffset }: { epoch: number; endOffset: number }): number {
    const later = this.#epochs.find((one) => one.epoch !== undefined && one.epoch > epoch);
    return Math.min(later?.offset ?? Infinity, endOffset);
  }

  /**
   * Returns the first offset of a batch that was read before under another leader epoch; undefined if there is none.
   * The log has lost the record that was read at that offset. The broker can't detect this loss if the fetch begins
   * before that offset, as it does after a join.
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

  /** Returns the part of the metadata for a commit of `offset`; undefined if the topic's id is not known. */
  toMetadata(offset: number): CommittedLog | undefined {
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
