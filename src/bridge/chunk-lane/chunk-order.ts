import { WorkflowFailedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ChunkResult } from '../../domain/workflow/record-activities';
import { errorMessage } from '../../domain/errors';
import { keyHash, type Predecessor } from '../../domain/workflow/key-hash';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { RunningWorkflows } from '../starts/running-workflows';
import type { Predecessors } from '../partition/predecessors';
import type { WindowEntry } from '../partition/partition-window';

export interface ChunkOrderDependencies {
  stream: AnyStream;
  client: Client;
  open: RunningWorkflows;
  predecessors: Predecessors;
  logger: Logger;
}

/** True once the partition is lost, or the bridge stops: nobody waits any more. */
type IsOver = () => boolean;

/**
 * A record that left its chunk often ends within a second, and the next of its key need not leave then. So
 * long the next chunk is not started; for a key that stays open only once. From then on the chunk itself
 * waits, for less.
 */
const PATIENCE_MS = 2_000;
const POLL_MS = 50;
const ASK_AGAIN_MS = 1_000;

interface OpenKey {
  workflowId: string;
  since: number;
}

/**
 * What the chunks of one partition wait for under an order of keys, so that no record is delivered before
 * the one before it in its key; see also `KeyOrder`:
 *
 * 1. A chunk is started when the one before it has ended, and committable when it has ended itself.
 *    Whoever meets one that exists waits for its end as well.
 * 2. A chunk's result names the workflows that its last records of a key left for. All of those that may be
 *    open are part of the next chunk's input, whose records of the key wait or leave in their turn, and are listed
 *    in the metadata of the commit that holds the chunk's end. While the list has no room, the chain waits.
 * 3. By `chunkWorkflowIds` all consumers walk the same chain, one that has lost the partition included.
 */
export class ChunkOrder {
  readonly #open = new Map<string, OpenKey>();
  /** The last chunk that was started, until it is known to have ended. */
  #running: string | undefined;

  constructor(private readonly deps: ChunkOrderDependencies) {
    for (const tail of deps.predecessors.list) this.#add(tail);
  }

  /** Keys of these records with a workflow that may be open, for the input of their chunk. */
  after(entries: WindowEntry[]): Predecessor[] {
    if (this.#open.size === 0) return [];
    const { ordering } = this.deps.stream;
    const hashes = new Set(entries.map(({ record }) => keyHash(ordering, record)));
    return [...this.#open]
      .filter(([hash]) => hashes.has(hash))
      .map(([hash, { workflowId }]) => [hash, workflowId]);
  }

  /**
   * Resolves when a chunk of these records may be started. Where the log went back, the last chunk before
   * that may not have ended.
   */
  async ready(entries: () => WindowEntry[], isOver: IsOver): Promise<void> {
    if (this.#running !== undefined) await this.ended(this.#running, isOver);
    while (!isOver() && this.after(entries()).some((tail) => this.#isWorthWaiting(tail))) {
      await sleep(POLL_MS);
    }
  }

  #isWorthWaiting([hash]: Predecessor): boolean {
    // A partition that is one key waits for its record: the next chunk would leave as a whole.
    if (this.deps.stream.ordering === 'partition') return true;
    return Date.now() - this.#open.get(hash)!.since < PATIENCE_MS;
  }

  /**
   * Resolves when the chunk has ended and its end may be committed, as what it left open is listed. False
   * where the partition is lost before, or the bridge stops.
   */
  async ended(workflowId: string, isOver: IsOver): Promise<boolean> {
    this.#running = workflowId;
    const predecessors = await this.#predecessorsOf(workflowId, isOver);
    if (!predecessors || !(await this.left(predecessors, isOver))) return false;
    this.#running = undefined;
    return true;
  }

  /** Resolves when these workflows, which records of a chunk have left for, are listed. False as {@link ended}. */
  async left(predecessors: Predecessor[], isOver: IsOver): Promise<boolean> {
    for (const tail of predecessors) this.#add(tail);
    while (!this.#listed(predecessors)) {
      if (isOver()) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  #listed(predecessors: Predecessor[]): boolean {
    const open = predecessors.filter(([hash, id]) => this.#open.get(hash)?.workflowId === id);
    return open.every(([hash, id]) => this.deps.predecessors.set(hash, id));
  }

  #add([hash, workflowId]: Predecessor): void {
    const before = this.#open.get(hash);
    if (before?.workflowId === workflowId) return;
    this.#open.set(hash, { workflowId, since: before?.since ?? Date.now() });
    void this.deps.open.whenEnded(workflowId).then(() => {
      this.deps.predecessors.delete(hash, workflowId);
      if (this.#open.get(hash)?.workflowId === workflowId) this.#open.delete(hash);
    });
  }

  /** Of an ended chunk; undefined where nobody needs them any more. */
  async #predecessorsOf(workflowId: string, isOver: IsOver): Promise<Predecessor[] | undefined> {
    const { client, logger } = this.deps;
    while (!isOver()) {
      try {
        const result = (await client.workflow.getHandle(workflowId).result()) as ChunkResult;
        return result.tails ?? [];
      } catch (error) {
        if (error instanceof WorkflowFailedError) return predecessorsOfFailed(error);
        // Terminated and deleted by hand.
        if (error instanceof WorkflowNotFoundError) return [];
        logger.debug({ workflowId, error: errorMessage(error) }, 'could not wait for a chunk');
        await sleep(ASK_AGAIN_MS);
      }
    }
    return undefined;
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A chunk of which records had expired has delivered the others. */
function predecessorsOfFailed({ cause }: WorkflowFailedError): Predecessor[] {
  const [result] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  return (result as Partial<ChunkResult> | undefined)?.tails ?? [];
}
