import { bytesOf, type KafkaRecord } from '../../domain/record/record';
import type { PartitionCounters } from './partition-counters';
import { ReadLog } from './read-log';

/** A record of a window, from its acceptance until it is finished: durable in Temporal, or skipped. */
export interface WindowEntry {
  readonly window: PartitionWindow;
  readonly record: KafkaRecord;
  /** Length of key, value and headers, counted against the window's byte limit. */
  readonly bytes: number;
}

export interface WindowLimits {
  /** Number of unfinished records at which fetching pauses. */
  records: number;
  /** Bytes of keys, values and headers of unfinished records at which fetching pauses. */
  bytes: number;
}

/** Why the last fetch of a partition could not be read. The partition is fetched again after a pause. */
export interface FetchFault {
  reason: 'unreadable' | 'fetch_failing';
  detail: string;
}

/** The pause after a fetch that could not be read. It doubles from the first value to the last. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 30_000;

/** One unfinished record can hold back the commit of at most this many times the window's record limit. */
const MAX_SPAN = 20;

/** Why a record was skipped: a layer detected a duplicate, or the stream skips such records (`filtered`). */
export type SkippedBy = 'recent' | 'workflowId' | 'filtered';

/**
 * Holds the records of one partition between Kafka and Temporal. Records finish in any order, but a commit says that
 * all records below it are finished. So the watermark, the offset to commit, is the lowest offset that is not finished.
 * In the chunk lane the watermark also respects the ends of chunks; see {@link watermark}.
 *
 * | `revoked` | `paused` | `blocked` | The partition                                                            |
 * | --------- | -------- | --------- | ------------------------------------------------------------------------ |
 * | false     | false    | false     | is fetched                                                               |
 * | false     | true     | false     | is not fetched, because the window is full                               |
 * | false     | either   | true      | is not fetched, because the last fetch could not be read                 |
 * | true      | either   | either    | has another owner or a new window; records of this window are dropped    |
 */
export class PartitionWindow {
  /** Whether fetching is paused because the window is full. */
  paused = false;
  /** True once this window's records no longer belong to this consumer. They are then dropped. */
  revoked = false;
  #fetchFault: FetchFault | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #pauseTimer: NodeJS.Timeout | undefined;
  /** The offset that the group had committed when this consumer got the partition; undefined if none is known. */
  initialOffset: number | undefined;
  /** Only in the chunk lane: the end of the chain of chunks, if an earlier owner's commit has it in its metadata. */
  initialChainEnd: number | undefined;
  /** Only in the chunk lane: the first offset that exists, if retention has deleted the committed offset. Else 0. */
  retainedFrom = 0;
  /** The first offset to read if this window has replaced one whose log has changed; else undefined. */
  startsAt: number | undefined;
  /** The offset of the last successful commit since the join; undefined if there is none. */
  committed: number | undefined;
  /** The note of a stall in that commit, as JSON; empty if the commit had none. */
  notedStall = '';
  /** Kafka's name for the error of the last commit; undefined if there was no error, or if it has no name. */
  commitFault: string | undefined;

  readonly #limits: WindowLimits;
  readonly #counters: PartitionCounters;
  readonly #unfinished = new Set<WindowEntry>();
  /** Skipped records that no commit covers yet. They count once a commit covers their offset. */
  readonly #skipped: { offset: number; by: SkippedBy }[] = [];
  #bytes = 0;
  #next: number | undefined;
  #beginning: number | undefined;
  /** The offset of the last successful commit before the join. */
  #committedBefore: number | undefined;
  /** The offset after the last batch since the join. Before the first batch: the commit that was known at the join. */
  #floor: number | undefined;
  /** Only in the chunk lane: the offset after the last chunk. */
  #chainEnd: number | undefined;
  /** The value of `#chainEnd` before it was last advanced. */
  #chainEndBefore: number | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
    limits: WindowLimits,
    counters: PartitionCounters,
    readonly lane: 'record' | 'chunk' = 'record',
    readonly log = new ReadLog(),
  ) {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Why the last fetch could not be read; undefined if it could. */
  get fetchFault(): FetchFault | undefined {
    return this.#fetchFault;
  }

  /** Whether fetching is paused because of {@link fetchFault}. */
  get blocked(): boolean {
    return this.#pauseTimer !== undefined;
  }

  /** Begins a pause because of `fault`, and calls `resume` at the end of the pause. */
  blockFor(fault: FetchFault, resume: () => void): void {
    this.#fetchFault = fault;
    this.#endPause();
    this.#pauseTimer = setTimeout(() => {
      this.#endPause();
      resume();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
  }

  readable(): void {
    this.#fetchFault = undefined;
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  #endPause(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
  }

  /** The offset after the last batch; undefined before the first. */
  get next(): number | undefined {
    return this.#next;
  }

  /**
   * The requested offset of the first batch that could be read. While no batch could be read: that of the last fetch.
   * Undefined before the first fetch.
   */
  get beginning(): number | undefined {
    return this.#beginning;
  }

  /**
   * The group's offset while nothing of this window is committable. It is the last known commit, or where the first
   * batch began if that is later. Undefined if neither is known yet.
   */
  get standsAt(): number | undefined {
    const known = [this.initialOffset, this.#beginning, this.committed, this.#committedBefore];
    const offsets = known.filter((one) => one !== undefined);
    return offsets.length === 0 ? undefined : Math.max(...offsets);
  }

  /**
   * Notes the requested offset of a batch, even if the batch can't be read. Only batches before the first readable one
   * count. The offset may be above the commit, because retention deletes records.
   */
  begin(fetched: number): void {
    if (this.#next !== undefined) return;
    this.#beginning = fetched;
    this.#floor = fetched;
  }

  /** The offset below which Kafka gives nothing; undefined if it is not known yet. */
  get floor(): number | undefined {
    return this.#floor ?? this.initialOffset;
  }

  /** The consumer has joined again and has kept the partition. Kafka gives it from the last commit again. */
  rejoin(): void {
    this.#floor = this.committed;
    // The broker may hold an older commit than the last one that was sent.
    this.#committedBefore = this.committed ?? this.#committedBefore;
    this.committed = undefined;
  }

  /** Only in the chunk lane: the end of the chain of chunks, at which the next chunk begins; undefined until it is known. */
  get chainEnd(): number | undefined {
    return this.#chainEnd;
  }

  /** The last chunk ends before `end`. If its workflow existed already, `end` may be beyond what was fetched. */
  advanceTo(end: number): void {
    this.#chainEndBefore = this.#chainEnd;
    this.#chainEnd = end;
  }

  get counters(): PartitionCounters {
    return this.#counters;
  }

  /**
   * Accepts a batch, and returns those of its records that the window did not have before. `end` is the offset after
   * the batch, and `fetched` is the requested offset.
   */
  accept(records: KafkaRecord[], end: number, fetched = end): WindowEntry[] {
    this.begin(fetched);
    const accepted: WindowEntry[] = [];
    for (const record of records) {
      // After a rebalance, Kafka gives a partition that was kept from its last commit again.
      if (this.#next !== undefined && record.offset < this.#next) continue;
      const bytes = bytesOf(record);
      const entry: WindowEntry = { window: this, record, bytes };
      this.#unfinished.add(entry);
      this.#bytes += bytes;
      accepted.push(entry);
    }
    this.#next = Math.max(this.#next ?? 0, end);
    this.#floor = end;
    return accepted;
  }

  /** Finishes a record, because the record is durable in Temporal or was skipped. */
  finish(entry: WindowEntry, skippedBy?: SkippedBy): void {
    if (!this.#unfinished.delete(entry)) return;
    this.#bytes -= entry.bytes;
    if (skippedBy) this.#skipped.push({ offset: entry.record.offset, by: skippedBy });
  }

  /**
   * The offset to commit; undefined before the first batch or chunk. In the record lane it is the first unfinished
   * offset. In the chunk lane:
   *
   * 1. The end of the chain of chunks is committed, because the next owner begins a chunk at it.
   * 2. If no record waits, all that was fetched is committed, because markers and aborted records belong to no chunk.
   * 3. What was not fetched is not committed; see `#fetchedChainEnd`.
   * 4. A commit never goes back, so it may be above the end of the chain; see {@link chainEndBelow}.
   */
  get watermark(): number | undefined {
    if (this.lane === 'record') return this.#firstUnfinished ?? this.#next;
    const chainEnd = this.#fetchedChainEnd;
    if (this.#next !== undefined && this.size === 0 && chainEnd === this.#chainEnd) {
      return this.#next;
    }
    if (chainEnd === undefined) return undefined;
    const committed = this.committed ?? this.#committedBefore;
    return Math.max(chainEnd, committed ?? this.initialOffset ?? 0, this.retainedFrom);
  }

  /**
   * Only in the chunk lane: the end of the chain, if the commit is above it; else undefined. The metadata of the commit
   * has this value, because every owner must begin the next chunk at the same offset.
   */
  chainEndBelow(committed: number): number | undefined {
    if (this.lane === 'record') return undefined;
    const known = this.#fetchedChainEnd ?? this.initialChainEnd ?? this.initialOffset;
    const begin = known ?? this.#beginning ?? committed;
    return begin < committed ? begin : undefined;
  }

  /**
   * The chain's end, as far as it was fetched. A commit beyond that would make `checkFetch` report "log went back" after
   * the next join. So the end of the chunk before counts, and the next owner finds the last chunk's workflow again.
   */
  get #fetchedChainEnd(): number | undefined {
    return (this.#chainEnd ?? 0) > (this.#next ?? 0) ? this.#chainEndBefore : this.#chainEnd;
  }

  /** The offset below which every record that was read is finished. */
  get settled(): number {
    const committable = this.watermark ?? this.initialOffset ?? Infinity;
    return Math.min(committable, this.#firstUnfinished ?? Infinity);
  }

  get #firstUnfinished(): number | undefined {
    // A Set keeps the order of insertion, which is the order of offsets.
    for (const first of this.#unfinished) return first.record.offset;
    return undefined;
  }

  /**
   * Milliseconds since the timestamp of the oldest unfinished record, or 0 if there is none. The topic decides whether
   * the timestamp says when the record was created or when it was appended.
   */
  oldestAgeMs(now = Date.now()): number {
    for (const { record } of this.#unfinished) {
      // Without a timestamp (-1) a record has no age.
      if (record.timestamp >= 0) return Math.max(now - record.timestamp, 0);
    }
    return 0;
  }

  get full(): boolean {
    const { records, bytes } = this.#limits;
    return (
      this.#unfinished.size >= records || this.#bytes >= bytes || this.#span >= records * MAX_SPAN
    );
  }

  /** Whether the window is half empty. To resume at every freed place would fetch the same data again and again. */
  get canResume(): boolean {
    const { records, bytes } = this.#limits;
    return (
      this.#unfinished.size <= records / 2 &&
      this.#bytes <= bytes / 2 &&
      this.#span <= (records * MAX_SPAN) / 2
    );
  }

  /** Number of offsets from the first unfinished record on. The next owner would get all of them again. */
  get #span(): number {
    const next = this.#next ?? 0;
    return next - (this.#firstUnfinished ?? next);
  }

  get size(): number {
    return this.#unfinished.size;
  }

  /** Counts the skipped records below the watermark, because the counters are committed together with the watermark. */
  settleSkipped(watermark: number): void {
    for (let i = this.#skipped.length - 1; i >= 0; i--) {
      const { offset, by } = this.#skipped[i]!;
      if (offset < watermark) {
        this.#counters.add(by);
        this.#skipped.splice(i, 1);
      }
    }
  }
}
