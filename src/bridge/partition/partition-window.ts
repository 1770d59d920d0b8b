import { bytesOf, type KafkaRecord } from '../../domain/record/record';
import type { PartitionCounters } from './partition-counters';
import { ReadLog } from './read-log';

/** A record of a window, from its acceptance until its offset is committable. */
export interface WindowEntry {
  readonly window: PartitionWindow;
  readonly record: KafkaRecord;
  /** Length of key, value and headers, counted against the window's byte limit. */
  readonly bytes: number;
}

export interface WindowLimits {
  /** Records accepted but not committable, from which on the partition is paused. */
  records: number;
  /** The same in bytes of key, value and headers. */
  bytes: number;
}

/** Why a partition gives nothing that can be read. It is asked again after a while. */
export interface FetchFault {
  reason: 'unreadable' | 'fetch_failing';
  detail: string;
}

/** The pause before a partition is asked again; it doubles from the first to the last. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 30_000;

/** One record that waits holds back the watermark of at most this many times the window. */
const MAX_SPAN = 20;

/** Who skipped a record: the layer that knew it for a duplicate, or the stream, which passes it by. */
export type SkippedBy = 'recent' | 'workflowId' | 'filtered';

/**
 * The records of one partition between Kafka and Temporal. They finish in any order; the watermark is
 * contiguous: the lowest offset that is not finished, which is what may be committed.
 */
export class PartitionWindow {
  /** Whether fetching is paused because the window is full. */
  paused = false;
  /** True once the partition belongs to another consumer; its records are then dropped. */
  revoked = false;
  #fetchFault: FetchFault | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #pauseTimer: NodeJS.Timeout | undefined;
  /** Where the group stood when this consumer got the partition; undefined until it is known. */
  initialOffset: number | undefined;
  /** In the chunk lane: where the next chunk begins, as an earlier owner committed it. */
  initialChain: number | undefined;
  /** In the chunk lane: retention has deleted what was committed, up to before this. */
  retainedFrom = 0;
  /** Where this window begins if it took the place of one whose log has changed. */
  startsAt: number | undefined;
  /** What was committed last since the join; undefined before that. */
  committed: number | undefined;
  /** What that commit said of a stall, as JSON; empty: nothing. */
  notedStall = '';
  /** How Kafka names the error of the last commit; undefined: none, or one without a name. */
  commitFault: string | undefined;

  readonly #limits: WindowLimits;
  readonly #counters: PartitionCounters;
  readonly #unfinished = new Set<WindowEntry>();
  /** Records skipped above the watermark: they count once their offset is covered by a commit. */
  readonly #skipped: { offset: number; by: SkippedBy }[] = [];
  #bytes = 0;
  #next: number | undefined;
  #beginning: number | undefined;
  /** What was committed last before the join. */
  #committedBefore: number | undefined;
  /** The end of the last batch since the join, plus one; before that, the commit that was known then. */
  #floor: number | undefined;
  #chainEnd: number | undefined;
  /** The chain's end before that. */
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

  /** Why the last fetch could not be read; undefined: it could. */
  get fetchFault(): FetchFault | undefined {
    return this.#fetchFault;
  }

  /** Whether fetching pauses because of {@link fetchFault}. */
  get blocked(): boolean {
    return this.#pauseTimer !== undefined;
  }

  /** Begins a pause, and calls `resume` at its end. */
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

  /** Where the fetch of the first batch began; while none could be read, that of the last. Undefined before. */
  get beginning(): number | undefined {
    return this.#beginning;
  }

  /**
   * Where the group stands while nothing of this window is committable: what it has committed, or where Kafka has begun
   * to give batches if that is later. Undefined if nothing is known yet.
   */
  get standsAt(): number | undefined {
    const known = [this.initialOffset, this.#beginning, this.committed, this.#committedBefore];
    const offsets = known.filter((one) => one !== undefined);
    return offsets.length === 0 ? undefined : Math.max(...offsets);
  }

  /** Kafka has given a batch from `fetched` on, read or not. It may begin later, as retention deletes. */
  begin(fetched: number): void {
    if (this.#next !== undefined) return;
    this.#beginning = fetched;
    this.#floor = fetched;
  }

  /** Kafka gives nothing below this; undefined where nothing is known yet. */
  get floor(): number | undefined {
    return this.#floor ?? this.initialOffset;
  }

  /** The consumer has joined again, keeps the partition, and gets it from its commit on. */
  rejoin(): void {
    this.#floor = this.committed;
    // The broker may hold an older commit than the last one that was sent.
    this.#committedBefore = this.committed ?? this.#committedBefore;
    this.committed = undefined;
  }

  /** In the chunk lane: where the next chunk begins; undefined before the first. */
  get nextChunkOffset(): number | undefined {
    return this.#chainEnd;
  }

  /** A chunk ends before `end`. It may be one that was met, and end beyond what was fetched. */
  advanceTo(end: number): void {
    this.#chainEndBefore = this.#chainEnd;
    this.#chainEnd = end;
  }

  get counters(): PartitionCounters {
    return this.#counters;
  }

  /**
   * Takes a batch that was fetched at `fetched`; returns the records not seen before. `end`: the offset
   * after the batch.
   */
  accept(records: KafkaRecord[], end: number, fetched = end): WindowEntry[] {
    this.begin(fetched);
    const accepted: WindowEntry[] = [];
    for (const record of records) {
      // After a rebalance, Kafka gives a retained partition again from its last commit.
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

  /** The record is durable in Temporal, or was skipped. */
  finish(entry: WindowEntry, skippedBy?: SkippedBy): void {
    if (!this.#unfinished.delete(entry)) return;
    this.#bytes -= entry.bytes;
    if (skippedBy) this.#skipped.push({ offset: entry.record.offset, by: skippedBy });
  }

  /**
   * The offset to commit; undefined before the first batch, or chunk. In the chunk lane, that is the end of the chain
   * of chunks. If no record waits, it is the end of what was fetched, because markers and aborted records belong to
   * no chunk. A commit never goes back, so it may be above the chain's end; see {@link chainBegin}.
   */
  get watermark(): number | undefined {
    if (this.lane === 'record') return this.#firstUnfinished ?? this.#next;
    const chainEnd = this.#fetchedChainEnd;
    if (this.#next !== undefined && this.size === 0 && chainEnd === this.#chainEnd) {
      return this.#next;
    }
    if (chainEnd === undefined) return undefined;
    return Math.max(chainEnd, this.committed ?? this.initialOffset ?? 0, this.retainedFrom);
  }

  /**
   * In the chunk lane: where the next chunk begins if that is below the committed offset. It is part of the
   * commit, because the next chunk is found by it, whoever starts that.
   */
  chainBegin(committed: number): number | undefined {
    if (this.lane === 'record') return undefined;
    const known = this.#fetchedChainEnd ?? this.initialChain ?? this.initialOffset;
    const begin = known ?? this.#beginning ?? committed;
    return begin < committed ? begin : undefined;
  }

  /**
   * The chain's end, or the end before it if this consumer has not fetched so far. A commit of what was not fetched
   * would make Kafka seem to go back after a join. The next owner meets the last chunk again.
   */
  get #fetchedChainEnd(): number | undefined {
    return (this.#chainEnd ?? 0) > (this.#next ?? 0) ? this.#chainEndBefore : this.#chainEnd;
  }

  /** All that was read below this offset is finished. */
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
   * Milliseconds since the oldest record that waits was appended (or created, as the topic keeps it); 0
   * where none waits.
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

  /** Half empty: fetching at every freed place would fetch the same data again and again. */
  get canResume(): boolean {
    const { records, bytes } = this.#limits;
    return (
      this.#unfinished.size <= records / 2 &&
      this.#bytes <= bytes / 2 &&
      this.#span <= (records * MAX_SPAN) / 2
    );
  }

  /** Offsets from the first that waits on, finished or not: the next owner gets all of them again. */
  get #span(): number {
    const next = this.#next ?? 0;
    return next - (this.#firstUnfinished ?? next);
  }

  get size(): number {
    return this.#unfinished.size;
  }

  /** Moves the skipped records below the watermark into the counters, which is committed with it. */
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
