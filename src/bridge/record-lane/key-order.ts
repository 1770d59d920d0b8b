import type { RunningWorkflows } from '../starts/running-workflows';
import type { Predecessors } from '../partition/predecessors';
import type { SkippedBy, WindowEntry } from '../partition/partition-window';
import type { WaitingPlaces } from './waiting-places';

/** A record of a window, with its place in the order of its key; see {@link KeyOrder}. */
export interface OrderedEntry extends WindowEntry {
  turn?: Turn;
}

/** A record's place in the order of its key, from the time it may be started. */
export interface Turn {
  readonly order: KeyOrder;
  readonly line: Line;
  /** Until the record's offset is committable. */
  entry: OrderedEntry | undefined;
  /** The workflow that this record's own must wait for; absent: the record before it has ended. */
  readonly after: string | undefined;
  /** Who had the turn before, as long as this record is not started. */
  before: Tail | undefined;
  /** Its workflow, once that is known to take longer. */
  slow: string | undefined;
  /** Who skipped the record: as a duplicate of the workflow that is open, for instance. */
  skippedBy: SkippedBy | undefined;
  ended: boolean;
}

/** What the next record of a key comes after: a record of this process, or an earlier owner's workflow. */
type Tail = Pick<Turn, 'slow' | 'ended'>;

/** The records of one key. */
interface Line {
  readonly keyHash: string;
  /** The last one that was let through. */
  tail: Tail | undefined;
  /** Those that were not yet. */
  readonly queue: OrderedEntry[];
  /** Those that are open, slow, and not committable. */
  readonly unnamed: Turn[];
  readonly advance: () => void;
}

export interface KeyOrderDependencies {
  predecessors: Predecessors;
  open: RunningWorkflows;
  places: WaitingPlaces;
  /** The record may be started, as its `turn` says. */
  admit(entry: OrderedEntry): void;
  /** The record's offset became committable. */
  finish(entry: OrderedEntry, skippedBy?: SkippedBy): void;
}

/**
 * Lets the records of one partition through in the order of each key. The next record of a key is let
 * through when the one before it has ended, or is slow: its first workflow task is over. Behind a slow one
 * the workflow is started with `after`, and waits there.
 *
 * Why no record is delivered before the one before it in its key has been delivered or dead-lettered,
 * whoever starts it:
 *
 * 1. A record is started only by somebody who knows that the one before it has ended, or who knows its
 *    workflow's id, the one it really has, and starts the record `after` that. One that layer `recent`
 *    skips counts as if it were not there.
 * 2. A consumer begins at a committed offset and walks the partition in the order of offsets, so it has
 *    met every record from there on. Of those before that offset, each has ended, or the last open one of
 *    its key is in the list of predecessors that was committed with the offset. Hence the one rule of this class:
 *    a record is finished, that is committable, when it has ended, or when a tail of its key is listed that
 *    is itself or comes after it.
 * 3. An id is taken once, so whoever meets a record again, after a crash, as a new owner or as one that has
 *    lost the partition without knowing, meets the same workflow, and takes it for open until it is known to
 *    have ended. A listed tail may lie above the committed offset; then it is met again, and so is what comes
 *    after it.
 *
 * Where the log went back, the order stays, with what is open of the records that the log has lost. This
 * ends where a workflow is terminated by hand, where offsets are reset by hand to above a record that is
 * open, as that commits no list, and with the namespace's retention.
 */
export class KeyOrder {
  readonly #lines = new Map<string, Line>();
  /** Lines with records that are not committable, for want of room in the list of predecessors. */
  readonly #roomless = new Set<Line>();

  constructor(private readonly deps: KeyOrderDependencies) {
    const { predecessors, open } = deps;
    for (const [keyHash, workflowId] of predecessors.list) {
      const tail = { slow: workflowId, ended: false };
      this.#line(keyHash).tail = tail;
      void open.whenEnded(workflowId).then(() => {
        tail.ended = true;
        this.#forget(keyHash, workflowId);
      });
    }
  }

  push(keyHash: string, entry: OrderedEntry): void {
    const line = this.#lines.get(keyHash) ?? this.#line(keyHash);
    line.queue.push(entry);
    this.#advance(line);
  }

  /** The record's workflow is open, and its first task is over. */
  slow(turn: Turn, workflowId: string, skippedBy?: SkippedBy): void {
    turn.before = undefined;
    turn.slow = workflowId;
    turn.skippedBy = skippedBy;
    turn.line.unnamed.push(turn);
    this.#name(turn.line);
    turn.line.advance();
  }

  /**
   * Layer `recent` knows the message, or the stream passes the record by: it gets no workflow. The next one comes after the one before
   * it, which may be open.
   */
  skipped(turn: Turn, skippedBy: SkippedBy): void {
    this.#finish(turn, skippedBy);
    this.dropped(turn);
  }

  /** The record's workflow has ended. */
  ended(turn: Turn, skippedBy?: SkippedBy): void {
    const { line, after } = turn;
    turn.before = undefined;
    turn.ended = true;
    if (after !== undefined) this.deps.places.release();
    const unnamed = line.unnamed.indexOf(turn);
    if (unnamed >= 0) line.unnamed.splice(unnamed, 1);
    this.#finish(turn, skippedBy);
    this.#forget(line.keyHash, turn.slow);
  }

  /** The record will not be started here: its window is lost. The next one comes after the one before it. */
  dropped({ line, after, before }: Turn): void {
    if (after !== undefined) this.deps.places.release();
    line.tail = before;
    line.advance();
  }

  /** Lets go of records that wait here and are another consumer's now. False where nothing is open or waits. */
  dropRevoked(): boolean {
    for (const { advance } of this.#lines.values()) advance();
    return this.#lines.size > 0;
  }

  #finish(turn: Turn, skippedBy = turn.skippedBy): void {
    if (turn.entry) this.deps.finish(turn.entry, skippedBy);
    turn.entry = undefined;
  }

  #line(keyHash: string): Line {
    const advance = () => this.#advance(line);
    const line: Line = { keyHash, tail: undefined, queue: [], unnamed: [], advance };
    this.#lines.set(keyHash, line);
    return line;
  }

  #forget(keyHash: string, workflowId: string | undefined): void {
    if (workflowId !== undefined) this.deps.predecessors.delete(keyHash, workflowId);
    for (const line of this.#roomless) this.#name(line);
    this.#lines.get(keyHash)?.advance();
  }

  /** Makes the open records of a key committable, if its last one finds room in the list of predecessors. */
  #name(line: Line): void {
    const slow = line.unnamed.at(-1)?.slow;
    if (slow !== undefined && !this.deps.predecessors.set(line.keyHash, slow)) {
      this.#roomless.add(line);
      return;
    }
    this.#roomless.delete(line);
    for (const turn of line.unnamed.splice(0)) this.#finish(turn);
  }

  #advance(line: Line): void {
    const { queue } = line;
    // Another consumer's by now.
    while (queue[0]?.window.revoked) queue.shift();
    const { tail } = line;
    const open = tail && !tail.ended;
    const [entry] = queue;
    if (!entry) {
      // A line that waits for a place may have been left, and the key has another one by now.
      if (!open && this.#lines.get(line.keyHash) === line) this.#lines.delete(line.keyHash);
      return;
    }
    let after: string | undefined;
    if (open) {
      if (tail.slow === undefined || !this.deps.places.take(line.advance)) return;
      after = tail.slow;
    }
    queue.shift();
    const turn: Turn = {
      order: this,
      line,
      entry,
      after,
      before: tail,
      slow: undefined,
      skippedBy: undefined,
      ended: false,
    };
    line.tail = turn;
    entry.turn = turn;
    this.deps.admit(entry);
  }
}
