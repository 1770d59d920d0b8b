import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { RecordMemo } from '../../domain/record/record';
import type { Logger } from '../../telemetry/logger';
import type { RecordOutcome } from '../../domain/workflow/record-activities';

export interface OpenRecord {
  /**
   * Called once, when the first workflow task is over and the workflow goes on: the next eager start has
   * room. Not called where that task ends the workflow.
   */
  onHandedOver(): void;
  /** Called once, when the workflow has ended. */
  onClosed(outcome: RecordOutcome): void;
}

/** A record that asked for a workflow id; see {@link RunningWorkflows.add}. */
export interface OpenEntry {
  /**
   * The workflow is this record's own; `here` if its first task came with the answer. Passes on what was
   * heard of it before.
   */
  acknowledge(here: boolean): void;
  /** The workflow is another's, or does not exist: there is nothing to wait for. */
  remove(): void;
}

/** What is told of a workflow that is open. */
export interface LongestRunning {
  workflowId: string;
  offset: number;
  /** Milliseconds since the epoch. */
  openSince: number;
}

type Place = Pick<RecordMemo, 'partition' | 'offset'>;

interface Entry extends OpenRecord {
  /** Absent where the workflow's record is not known here. */
  memo?: Place;
  openSince: number;
  acknowledged: boolean;
  handedOver: boolean;
  outcome?: RecordOutcome;
  /** When to ask the server next, in milliseconds since the epoch, and how long to wait after that. */
  askAt: number;
  interval: number;
}

/** A workflow that may run in another process is asked for sooner. */
const FIRST_ASK_MS = { here: 15_000, elsewhere: 2_000 };
const LONGEST_INTERVAL_MS = 60_000;
const TICK_MS = 1_000;

/**
 * The workflows this bridge worker has started and not yet seen end. Nearly all run in this process and
 * tell it themselves; for one that another worker took over, the server is asked now and then.
 */
export class RunningWorkflows {
  /** By workflow id. More than one where a record comes again, or another one collides with it. */
  readonly #entries = new Map<string, Set<Entry>>();
  readonly #timer: NodeJS.Timeout;
  #size = 0;
  #asking = false;

  constructor(
    private readonly client: Client,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.#askDue(), TICK_MS);
    this.#timer.unref();
  }

  /**
   * Called before the start: an eager workflow can end before its start is acknowledged. Until then
   * nothing is passed on, as the id may turn out to be another record's.
   */
  add(workflowId: string, record: OpenRecord, memo: Place): OpenEntry {
    const entry: Entry = {
      memo,
      openSince: Date.now(),
      onHandedOver: () => record.onHandedOver(),
      onClosed: (outcome) => record.onClosed(outcome),
      acknowledged: false,
      handedOver: false,
      askAt: 0,
      interval: FIRST_ASK_MS.here,
    };
    this.#add(workflowId, entry);
    return {
      acknowledge: (here) => {
        entry.acknowledged = true;
        entry.interval = here ? FIRST_ASK_MS.here : FIRST_ASK_MS.elsewhere;
        entry.askAt = Date.now() + entry.interval;
        // Whoever polls gets the task: it takes no place of an eager one.
        if (!here) entry.handedOver = true;
        if (entry.handedOver) entry.onHandedOver();
        if (entry.outcome) this.#close(workflowId, entry, entry.outcome);
      },
      remove: () => this.#remove(workflowId, entry),
    };
  }

  /** A workflow that may run, or have ended, anywhere. Whether it has is asked at once. */
  watch(workflowId: string, onEnded: () => void): void {
    this.#add(workflowId, {
      onHandedOver: () => undefined,
      onClosed: onEnded,
      openSince: Date.now(),
      acknowledged: true,
      handedOver: true,
      askAt: 0,
      interval: FIRST_ASK_MS.elsewhere,
    });
  }

  handedOver(workflowId: string): void {
    for (const entry of this.#entries.get(workflowId) ?? []) this.#handOver(entry);
  }

  closed(workflowId: string, outcome: RecordOutcome): void {
    for (const entry of [...(this.#entries.get(workflowId) ?? [])]) {
      if (entry.acknowledged) this.#close(workflowId, entry, outcome);
      else entry.outcome = outcome;
    }
  }

  has(workflowId: string): boolean {
    return this.#entries.has(workflowId);
  }

  get size(): number {
    return this.#size;
  }

  /** Of those whose memo is asked for, the workflow that has been open for the longest time. */
  oldest(wanted: (memo: Place) => boolean): LongestRunning | undefined {
    let oldest: LongestRunning | undefined;
    for (const [workflowId, entries] of this.#entries) {
      for (const { acknowledged, memo, openSince } of entries) {
        if (!acknowledged || !memo || !wanted(memo)) continue;
        if (openSince >= (oldest?.openSince ?? Infinity)) continue;
        oldest = { workflowId, offset: memo.offset, openSince };
      }
    }
    return oldest;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #add(workflowId: string, entry: Entry): void {
    const entries = this.#entries.get(workflowId) ?? new Set();
    this.#entries.set(workflowId, entries.add(entry));
    this.#size++;
  }

  #handOver(entry: Entry): void {
    if (entry.handedOver) return;
    entry.handedOver = true;
    if (entry.acknowledged) entry.onHandedOver();
  }

  #close(workflowId: string, entry: Entry, outcome: RecordOutcome): void {
    this.#remove(workflowId, entry);
    entry.onClosed(outcome);
  }

  #remove(workflowId: string, entry: Entry): void {
    const entries = this.#entries.get(workflowId);
    if (!entries?.delete(entry)) return;
    this.#size--;
    if (entries.size === 0) this.#entries.delete(workflowId);
  }

  /** One after the other: this path is rare, and must not add load to a server in trouble. */
  async #askDue(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (const [workflowId, entries] of this.#entries) {
        const due = [...entries].filter((entry) => entry.acknowledged && entry.askAt <= Date.now());
        if (due.length === 0) continue;
        for (const entry of due) {
          entry.interval = Math.min(entry.interval * 1.5, LONGEST_INTERVAL_MS);
          entry.askAt = Date.now() + entry.interval;
          // A task that is still running here after this long no longer fits the eager slots' model.
          this.#handOver(entry);
        }
        await this.#ask(workflowId);
      }
    } finally {
      this.#asking = false;
    }
  }

  async #ask(workflowId: string): Promise<void> {
    try {
      const { status } = await this.client.workflow.getHandle(workflowId).describe();
      if (status.name === 'RUNNING') return;
      this.closed(workflowId, status.name === 'COMPLETED' ? 'delivered' : 'failed');
    } catch (error) {
      // Deleted after its retention, or terminated and deleted by hand: there is nothing to wait for.
      if (error instanceof WorkflowNotFoundError) this.closed(workflowId, 'failed');
      else this.logger.debug({ workflowId, err: error }, 'could not ask for a workflow');
    }
  }
}
