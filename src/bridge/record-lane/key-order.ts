import type { RunningWorkflows } from '../starts/running-workflows';
import type { Predecessors } from '../partition/predecessors';
import type { SkippedBy, WindowEntry } from '../partition/partition-window';
import type { WaitingPlaces } from './waiting-places';

/** A record of a window, with its place in the order of its key; see {@link KeyOrder}. */
export interface OrderedEntry extends WindowEntry {
  turn?: Turn;
}

/**
 * A record's place in the order of its key, from the time when the record may be started.
 *
 * | State of the record                       | `entry`   | `before`         | `slow`      | `ended` |
 * | ----------------------------------------- | --------- | ---------------- | ----------- | ------- |
 * | may be started, or is in its first task   | set       | the tail, if any | undefined   | false   |
 * | slow, and not committable yet             | set       | undefined        | workflow id | false   |
 * | slow, and committable                     | undefined | undefined        | workflow id | false   |
 * | has ended                                 | undefined | undefined        | either      | true    |
 *
 * A record that is skipped without a workflow, or whose window is revoked before its start, gives its place back:
 * `before` is the tail of the line again.
 */
export interface Turn {
  readonly order: KeyOrder;
  readonly line: Line;
  /** The record; undefined once its offset is committable. */
  entry: OrderedEntry | undefined;
  /** The workflow that this record's workflow must wait for. Undefined if the record before it has ended. */
  readonly after: string | undefined;
  /** The tail before this record, until this record is slow or has ended. */
  before: Tail | undefined;
  /** The id of the record's workflow, once its first task is over and the workflow goes on. */
  slow: string | undefined;
  /** Why the record was skipped, for example as a duplicate of a workflow that is open. Undefined if it was not. */
  skippedBy: SkippedBy | undefined;
  /** Whether the record's workflow has ended. */
  ended: boolean;
}

/** What the next record of a key must come after: a record of this process, or the workflow of an earlier owner. */
type Tail = Pick<Turn, 'slow' | 'ended'>;

/** The records of one key. */
interface Line {
  readonly keyHash: string;
  /** The last record that was let through, or the workflow of an earlier owner. Undefined if there is none. */
  tail: Tail | undefined;
  /** The records that were not let through yet. */
  readonly queue: OrderedEntry[];
  /** The records that are slow and not committable yet, because the list of predecessors has no room. */
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
 * Lets the records of one partition through in the order of each key. The next record of a key is let through when the
 * record before it has ended or is slow. A record is slow if its first workflow task is over and its workflow goes on.
 * Behind a slow record, the next record's workflow is started with `after`, and waits for the slow record's workflow.
 *
 * The guarantee: whichever process starts a record, the record is delivered only after the record before it in its key
 * was delivered or dead-lettered. The proof:
 *
 * 1. A consumer starts a record only in two cases. Either it knows that the record before it in its key has ended. Or
 *    it knows the id that the workflow of that record really has, and starts the record `after` that workflow. A record
 *    that is skipped without a workflow, for example by layer `recent`, counts as if it did not exist.
 * 2. A consumer begins at a committed offset, and walks the partition in the order of offsets. So it meets every record
 *    from that offset on.
 * 3. Each record below that offset has ended, or the list of predecessors that was committed with the offset has the
 *    last open record of its key. For this, the class has one rule: a record is finished, that is committable, when it
 *    has ended, or when the list has its workflow or the workflow of a later record of its key.
 * 4. The server accepts a workflow id only once. So a consumer that meets a record again meets the same workflow: after
 *    a crash, as a new owner, or if it has lost the partition without knowing it. The consumer takes the workflow for
 *    open until it knows that the workflow has ended.
 * 5. A workflow in the list may belong to a record above the committed offset. The next owner then meets that record
 *    again, and every record after it too.
 *
 * If the log has gone back, the order continues, together with open workflows of records that the log has lost.
 *
 * The guarantee does not hold in three cases:
 * - A workflow is terminated by hand.
 * - Offsets are reset by hand to above an open record, because such a commit has no list.
 * - The namespace's retention has deleted the workflows.
 */
export class KeyOrder {
  readonly #lines = new Map<string, Line>();
  /** The lines with records that are not committable, because the list of predecessors has no room. */
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

  /** The record is slow: its workflow is open, and the first task of the workflow is over. */
  slow(turn: Turn, workflowId: string, skippedBy?: SkippedBy): void {
    turn.before = undefined;
    turn.slow = workflowId;
    turn.skippedBy = skippedBy;
    turn.line.unnamed.push(turn);
    this.#name(turn.line);
    turn.line.advance();
  }

  /**
   * The record gets no workflow, because layer `recent` knows the message or the stream skips such records. So the next
   * record of the key comes after the record before this one, which may be open.
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

  /** The record gets no workflow here. So the next record of the key comes after the record before this one. */
  dropped({ line, after, before }: Turn): void {
    if (after !== undefined) this.deps.places.release();
    line.tail = before;
    line.advance();
  }

  /** Drops waiting records of revoked windows. The result is false if no record is open or waits any more. */
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

  /** Makes the slow records of a key committable, if the list of predecessors has room for the last of them. */
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
    // Records of revoked windows are dropped.
    while (queue[0]?.window.revoked) queue.shift();
    const { tail } = line;
    const open = tail && !tail.ended;
    const [entry] = queue;
    if (!entry) {
      // This line may be an old one that was still waiting for a place. The key's present line must then stay.
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
