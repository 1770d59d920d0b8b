import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Logger } from '../logger';
import type { RecordOutcome } from '../workflows/bridge-sinks';

export interface OpenRecord {
  /** Called once, when the first workflow task is over: the next eager start has room. */
  onHandedOver(): void;
  /** Called once, when the workflow has ended. */
  onClosed(outcome: RecordOutcome): void;
}

interface Entry extends OpenRecord {
  handedOver: boolean;
  /** When to ask the server next, in milliseconds since the epoch, and how long to wait after that. */
  askAt: number;
  interval: number;
}

const FIRST_ASK_MS = 15_000;
const LONGEST_INTERVAL_MS = 60_000;
const TICK_MS = 1_000;

/**
 * The workflows this bridge worker has started and not yet seen end. Nearly all run in this process and
 * tell it themselves; for one that another worker took over, the server is asked now and then.
 */
export class OpenRecords {
  readonly #entries = new Map<string, Entry>();
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor(
    private readonly client: Client,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.#askDue(), TICK_MS);
    this.#timer.unref();
  }

  add(workflowId: string, record: OpenRecord): void {
    const entry: Entry = {
      ...record,
      handedOver: false,
      askAt: Date.now() + FIRST_ASK_MS,
      interval: FIRST_ASK_MS,
    };
    this.#entries.set(workflowId, entry);
  }

  /** The start was refused: there is nothing to wait for. */
  remove(workflowId: string): void {
    this.#entries.delete(workflowId);
  }

  handedOver(workflowId: string): void {
    const entry = this.#entries.get(workflowId);
    if (!entry || entry.handedOver) return;
    entry.handedOver = true;
    entry.onHandedOver();
  }

  closed(workflowId: string, outcome: RecordOutcome): void {
    const entry = this.#entries.get(workflowId);
    if (!entry) return;
    this.handedOver(workflowId);
    this.#entries.delete(workflowId);
    entry.onClosed(outcome);
  }

  get size(): number {
    return this.#entries.size;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One after the other: this path is rare, and must not add load to a server in trouble. */
  async #askDue(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (const [workflowId, entry] of this.#entries) {
        if (entry.askAt > Date.now()) continue;
        entry.interval = Math.min(entry.interval * 1.5, LONGEST_INTERVAL_MS);
        entry.askAt = Date.now() + entry.interval;
        // A task that is still running here after this long no longer fits the eager slots' model.
        this.handedOver(workflowId);
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
