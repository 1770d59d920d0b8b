import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { RecordMemo } from '../../domain/record/record';
import type { Logger } from '../../telemetry/logger';
import type { RecordOutcome } from '../../domain/workflow/record-activities';

/** A workflow whose end this process waits for. Neither promise rejects. */
export interface RunningWorkflow {
  workflowId: string;
  /**
   * Resolves when the first workflow task is over, so that the next eager start has room: with `true` if the workflow
   * continues after that task, with `false` if the workflow has ended.
   */
  firstTaskOver: Promise<boolean>;
  /** Resolves when the workflow has ended. */
  ended: Promise<RecordOutcome>;
}

/** A start that has asked for a workflow id; see {@link RunningWorkflows.register}. */
export interface Registration {
  /** This registration has started the workflow. `here`: the server's answer had its first task, for this process. */
  acknowledge(here: boolean): RunningWorkflow;
  /** The registration has started no workflow, so there is no end to wait for. */
  remove(): void;
}

/** The workflow that has been running for the longest time. */
export interface LongestRunning {
  workflowId: string;
  offset: number;
  /** Milliseconds since the epoch. */
  openSince: number;
}

type Position = Pick<RecordMemo, 'partition' | 'offset'>;

interface Entry {
  readonly workflow: RunningWorkflow;
  /** Absent if this process does not know the workflow's record. */
  readonly position: Position | undefined;
  readonly openSince: number;
  /** Whether the workflow is known to be the one that was registered. Until then reports are kept, not passed on. */
  acknowledged: boolean;
  firstTaskIsOver: boolean;
  /** The outcome, if the workflow has reported it before the acknowledgement. */
  outcome?: RecordOutcome;
  /** When to ask the server next, in milliseconds since the epoch, and how long to wait after that. */
  askAt: number;
  interval: number;
  endFirstTask(isRunning: boolean): void;
  end(outcome: RecordOutcome): void;
}

/**
 * When to ask the server about a workflow that has not reported its end. Workflows of this process report themselves,
 * so 15 s is a safety net. For other workflows the server is the only source, so 2 s.
 */
const FIRST_ASK_MS = { here: 15_000, elsewhere: 2_000 };
const LONGEST_INTERVAL_MS = 60_000;
const TICK_MS = 1_000;

/**
 * Keeps the workflows that this bridge worker has started and that have not ended yet. Nearly all run in this process
 * and report their end themselves. If another worker took a workflow over, this class asks the server now and then.
 */
export class RunningWorkflows {
  /** By workflow id. An id has several entries if its record comes again, or if two records collide. */
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
   * Registers a workflow that is to be started. Call this before the start, because an eager workflow can end before
   * the server acknowledges its start. Until the acknowledgement no report is passed on, because the id may turn out to
   * be another record's.
   */
  register(workflowId: string, position: Position): Registration {
    const entry = newEntry(workflowId, position);
    this.#add(entry);
    return {
      acknowledge: (here) => {
        entry.acknowledged = true;
        entry.interval = here ? FIRST_ASK_MS.here : FIRST_ASK_MS.elsewhere;
        entry.askAt = Date.now() + entry.interval;
        // The first task goes to any worker that polls, so it takes no slot of an eager start.
        if (!here) entry.firstTaskIsOver = true;
        if (entry.outcome) this.#end(entry, entry.outcome);
        else if (entry.firstTaskIsOver) entry.endFirstTask(true);
        return entry.workflow;
      },
      remove: () => this.#remove(entry),
    };
  }

  /**
   * Resolves when a workflow has ended, whichever process runs it. The server is asked at the next tick, because the
   * workflow may have ended already.
   */
  async whenEnded(workflowId: string): Promise<void> {
    const entry = newEntry(workflowId, undefined);
    entry.acknowledged = true;
    entry.firstTaskIsOver = true;
    entry.interval = FIRST_ASK_MS.elsewhere;
    this.#add(entry);
    await entry.workflow.ended;
  }

  /** The workflow has reported that its first task is over and that it continues. */
  firstTaskOver(workflowId: string): void {
    for (const entry of this.#entries.get(workflowId) ?? []) this.#endFirstTask(entry);
  }

  /** The workflow has ended: the workflow has reported that, or the server has answered so. */
  ended(workflowId: string, outcome: RecordOutcome): void {
    for (const entry of [...(this.#entries.get(workflowId) ?? [])]) {
      if (entry.acknowledged) this.#end(entry, outcome);
      else entry.outcome = outcome;
    }
  }

  has(workflowId: string): boolean {
    return this.#entries.has(workflowId);
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the longest running workflow among those whose position is wanted. */
  oldest(wanted: (position: Position) => boolean): LongestRunning | undefined {
    let oldest: LongestRunning | undefined;
    for (const [workflowId, entries] of this.#entries) {
      for (const { acknowledged, position, openSince } of entries) {
        if (!acknowledged || !position || !wanted(position)) continue;
        if (openSince >= (oldest?.openSince ?? Infinity)) continue;
        oldest = { workflowId, offset: position.offset, openSince };
      }
    }
    return oldest;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #add(entry: Entry): void {
    const { workflowId } = entry.workflow;
    const entries = this.#entries.get(workflowId) ?? new Set();
    this.#entries.set(workflowId, entries.add(entry));
    this.#size++;
  }

  #endFirstTask(entry: Entry): void {
    entry.firstTaskIsOver = true;
    if (entry.acknowledged) entry.endFirstTask(true);
  }

  #end(entry: Entry, outcome: RecordOutcome): void {
    this.#remove(entry);
    entry.endFirstTask(false);
    entry.end(outcome);
  }

  #remove(entry: Entry): void {
    const { workflowId } = entry.workflow;
    const entries = this.#entries.get(workflowId);
    if (!entries?.delete(entry)) return;
    this.#size--;
    if (entries.size === 0) this.#entries.delete(workflowId);
  }

  /** Asks about one workflow after another, because this rare path must not add load to a server in trouble. */
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
          // By now the first task counts as over, so that a slow one does not keep the slot of an eager start.
          this.#endFirstTask(entry);
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
      this.ended(workflowId, status.name === 'COMPLETED' ? 'delivered' : 'failed');
    } catch (error) {
      // The workflow was deleted, after its retention or by hand, so there is no end to wait for.
      if (error instanceof WorkflowNotFoundError) this.ended(workflowId, 'failed');
      else this.logger.debug({ workflowId, err: error }, 'could not ask for a workflow');
    }
  }
}

function newEntry(workflowId: string, position: Position | undefined): Entry {
  let endFirstTask!: (isRunning: boolean) => void;
  let end!: (outcome: RecordOutcome) => void;
  const firstTaskOver = new Promise<boolean>((resolve) => (endFirstTask = resolve));
  const ended = new Promise<RecordOutcome>((resolve) => (end = resolve));
  return {
    workflow: { workflowId, firstTaskOver, ended },
    ...{ position, openSince: Date.now(), acknowledged: false, firstTaskIsOver: false },
    ...{ askAt: 0, interval: FIRST_ASK_MS.here, endFirstTask, end },
  };
}
