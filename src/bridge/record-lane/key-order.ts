import type { RunningWorkflows } from '../starts/running-workflows';
import type { Predecessors } from '../partition/predecessors';
import type { SkippedBy, WindowEntry } from '../partition/partition-window';
import type { WaitingPlaces } from './waiting-places';

/** A record of a window, with its place in the order of its key; see {@link KeyOrder}. */
export interface OrderedEntry extends WindowEntry {
  queued?: QueuedRecord;
}

/**
 * What became of a record that may be started.
 *
 * | State    | What it means                                                         | Next state        |
 * | -------- | --------------------------------------------------------------------- | ----------------- |
 * | admitted | The record may be started, or its workflow is in its first task.      | running, ended, - |
 * | running  | The first task of its workflow is over, and the workflow goes on.     | ended             |
 * | ended    | Its workflow has ended.                                               |                   |
 *
 * "-": the record gets no workflow here, because it is skipped or its window is revoked. It then gives its place back:
 * `before` is the last record of its key again.
 */
type RecordState =
  | { is: 'admitted'; before: LastOfKey | undefined }
  | { is: 'running'; workflowId: string; skippedBy?: SkippedBy | undefined }
  | { is: 'ended' };

/** What the next record of a key must come after: a record of this process, or the workflow of an earlier owner. */
interface LastOfKey {
  state: RecordState;
}

/** A record's place in the order of its key, from the time when the record may be started. */
export interface QueuedRecord extends LastOfKey {
  readonly order: KeyOrder;
  readonly queue: KeyQueue;
  /** The record; undefined once its offset is committable. */
  entry: OrderedEntry | undefined;
  /** The workflow that this record's workflow must wait for. Undefined if the record before it has ended. */
  readonly after: string | undefined;
}

/** The records of one key. */
interface KeyQueue {
  readonly keyHash: string;
  /** The last record that was admitted, or the workflow of an earlier owner. Undefined if there is none. */
  last: LastOfKey | undefined;
  /** The records that are not admitted yet. */
  readonly waiting: OrderedEntry[];
  /** The records that are running and not committable yet, because the list of predecessors has no room. */
  readonly notListed: QueuedRecord[];
  readonly advance: () => void;
}

export interface KeyOrderDependencies {
  predecessors: Predecessors;
  running: RunningWorkflows;
  places: WaitingPlaces;
  /** The record may be started, as its `queued` says. */
  admit(entry: OrderedEntry): void;
  /** The record's offset became committable. */
  finish(entry: OrderedEntry, skippedBy?: SkippedBy): void;
}

/**
 * Admits the records of one partition in the order of each key. The next record of a key is admitted when the record
 * before it has ended or is running. Behind a running record, the next record's workflow is started with `after`, and
 * waits for the workflow of the running record.
 *
 * The guarantee: whichever process starts a record, the record is delivered only after the record before it in its key
 * was delivered or dead-lettered. The proof:
 *
 * 1. A consumer starts a record only in two cases. Either it knows that the record before it in its key has ended. Or
 *    it knows the id that the workflow of that record really has, and starts the record `after` that workflow. A record
 *    that is skipped without a workflow, for example by layer `recent`, counts as if it did not exist.
 * 2. A consumer begins at a committed offset, and walks the partition in the order of offsets. So it meets every record
 *    from that offset on.
 * 3. If a record below that offset has not ended, the list of predecessors in the commit has the last open record of
 *    its key. The one rule of this class ensures that. It finishes a record, which makes the record committable, in two
 *    cases only. Either the record has ended. Or the list has a workflow of its key: the record's own or a later one.
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
  readonly #queues = new Map<string, KeyQueue>();
  /** The queues with records that are not committable, because the list of predecessors has no room. */
  readonly #waitingForRoom = new Set<KeyQueue>();

  constructor(private readonly deps: KeyOrderDependencies) {
    const { predecessors, running } = deps;
    for (const [keyHash, workflowId] of predecessors.list) {
      const last: LastOfKey = { state: { is: 'running', workflowId } };
      this.#newQueue(keyHash).last = last;
      void running.whenEnded(workflowId).then(() => {
        last.state = { is: 'ended' };
        this.#unlist(keyHash, workflowId);
      });
    }
  }

  push(keyHash: string, entry: OrderedEntry): void {
    const queue = this.#queues.get(keyHash) ?? this.#newQueue(keyHash);
    queue.waiting.push(entry);
    this.#advance(queue);
  }

  /** The record's workflow is open, and its first task is over. */
  running(record: QueuedRecord, workflowId: string, skippedBy?: SkippedBy): void {
    const { queue } = record;
    record.state = { is: 'running', workflowId, skippedBy };
    queue.notListed.push(record);
    this.#listPredecessor(queue);
    queue.advance();
  }

  /**
   * The record gets no workflow, because layer `recent` knows the message or the stream skips such records. So the next
   * record of the key comes after the record before this one, which may be open.
   */
  skipped(record: QueuedRecord, skippedBy: SkippedBy): void {
    this.#finish(record, skippedBy);
    this.dropped(record);
  }

  /** The record's workflow has ended. */
  ended(record: QueuedRecord, skippedBy?: SkippedBy): void {
    const { queue, after, state } = record;
    const notListed = queue.notListed.indexOf(record);
    if (notListed >= 0) queue.notListed.splice(notListed, 1);
    this.#finish(record, skippedBy);
    record.state = { is: 'ended' };
    // Now that the record has ended: a place that comes free may go to the next record of this key.
    if (after !== undefined) this.deps.places.release();
    this.#unlist(queue.keyHash, workflowIdOf(state));
  }

  /** The record gets no workflow here. So the next record of the key comes after the record before this one. */
  dropped({ queue, after, state }: QueuedRecord): void {
    if (after !== undefined) this.deps.places.release();
    queue.last = state.is === 'admitted' ? state.before : undefined;
    queue.advance();
  }

  /** Drops waiting records of revoked windows. The result is false if no record is open or waits any more. */
  dropRevoked(): boolean {
    for (const { advance } of this.#queues.values()) advance();
    return this.#queues.size > 0;
  }

  /** The record's offset is committable. */
  #finish(record: QueuedRecord, skippedBy?: SkippedBy): void {
    const { entry, state } = record;
    const by = skippedBy ?? (state.is === 'running' ? state.skippedBy : undefined);
    if (entry) this.deps.finish(entry, by);
    record.entry = undefined;
  }

  #newQueue(keyHash: string): KeyQueue {
    const advance = () => this.#advance(queue);
    const queue: KeyQueue = { keyHash, last: undefined, waiting: [], notListed: [], advance };
    this.#queues.set(keyHash, queue);
    return queue;
  }

  /** Takes a workflow that has ended from the list of predecessors. The queues that wait for room then get it. */
  #unlist(keyHash: string, workflowId: string | undefined): void {
    if (workflowId !== undefined) this.deps.predecessors.delete(keyHash, workflowId);
    for (const queue of this.#waitingForRoom) this.#listPredecessor(queue);
    this.#queues.get(keyHash)?.advance();
  }

  /** Makes the running records of a key committable, if the list of predecessors has room for the last of them. */
  #listPredecessor(queue: KeyQueue): void {
    const last = queue.notListed.at(-1);
    const workflowId = last && workflowIdOf(last.state);
    if (workflowId !== undefined && !this.deps.predecessors.set(queue.keyHash, workflowId)) {
      this.#waitingForRoom.add(queue);
      return;
    }
    this.#waitingForRoom.delete(queue);
    for (const record of queue.notListed.splice(0)) this.#finish(record);
  }

  #advance(queue: KeyQueue): void {
    const { waiting, last } = queue;
    // Records of revoked windows are dropped.
    while (waiting[0]?.window.revoked) waiting.shift();
    const [entry] = waiting;
    const open = last !== undefined && last.state.is !== 'ended';
    if (!entry) {
      // This queue may be an old one that still waited for a place. The key may have a newer queue, which must stay.
      if (!open && this.#queues.get(queue.keyHash) === queue) this.#queues.delete(queue.keyHash);
      return;
    }
    const after = open ? workflowIdOf(last.state) : undefined;
    if (open && (after === undefined || !this.deps.places.take(queue.advance))) return;
    waiting.shift();
    const queued: QueuedRecord = {
      ...{ order: this, queue, entry, after },
      state: { is: 'admitted', before: last },
    };
    queue.last = queued;
    entry.queued = queued;
    this.deps.admit(entry);
  }
}

function workflowIdOf(state: RecordState): string | undefined {
  return state.is === 'running' ? state.workflowId : undefined;
}
