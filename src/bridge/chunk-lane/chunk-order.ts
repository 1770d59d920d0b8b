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
  running: RunningWorkflows;
  predecessors: Predecessors;
  logger: Logger;
}

/** Returns true once the partition is revoked or the bridge stops. Then no wait has a purpose any more. */
type IsOver = () => boolean;

/**
 * How long the next chunk waits for a record that left the previous chunk. Most such workflows end within a second, and
 * then the next record of that key can stay in its chunk. A key that stays open causes this wait only once. Later
 * chunks start at once, and wait inside for a shorter time.
 */
const PATIENCE_MS = 2_000;
const POLL_MS = 50;
const ASK_AGAIN_MS = 1_000;

interface OpenKey {
  workflowId: string;
  since: number;
}

/**
 * Makes the chunks of one partition wait if the stream has an order of keys. No record is then delivered before the
 * record before it in its key. `KeyOrder` does the same for the record lane. The invariants:
 *
 * 1. A chunk is started when the chunk before it has ended. It is committable when it has ended itself. A consumer that
 *    meets a chunk whose workflow exists waits for the end of that workflow as well.
 * 2. The result of a chunk names, for each key with records that left the chunk, the workflow of the last such record.
 * 3. Each of these workflows that may be open is part of the next chunk's input. A record of that key waits there for
 *    the workflow, or leaves its chunk in its turn.
 * 4. The metadata of the commit that has the chunk's end lists these workflows too. While the list has no room, the
 *    chain waits.
 * 5. All consumers walk the same chain of chunks, including a consumer that has lost the partition without knowing it.
 *    `chunkWorkflowIds` has the proof.
 */
export class ChunkOrder {
  readonly #open = new Map<string, OpenKey>();
  /** The last chunk that was started, until it is known to have ended. */
  #running: string | undefined;

  constructor(private readonly deps: ChunkOrderDependencies) {
    for (const predecessor of deps.predecessors.list) this.#add(predecessor);
  }

  /** Returns the keys of these records that have a workflow that may be open, for the input of their chunk. */
  after(entries: WindowEntry[]): Predecessor[] {
    if (this.#open.size === 0) return [];
    const { ordering } = this.deps.stream;
    const hashes = new Set(entries.map(({ record }) => keyHash(ordering, record)));
    return [...this.#open]
      .filter(([hash]) => hashes.has(hash))
      .map(([hash, { workflowId }]) => [hash, workflowId]);
  }

  /**
   * Resolves when a chunk of these records may be started. If the log has gone back, the last chunk from before may not
   * have ended; then its end comes first.
   */
  async ready(entries: () => WindowEntry[], isOver: IsOver): Promise<void> {
    if (this.#running !== undefined) await this.ended(this.#running, isOver);
    while (
      !isOver() &&
      this.after(entries()).some((predecessor) => this.#isWorthWaiting(predecessor))
    ) {
      await sleep(POLL_MS);
    }
  }

  #isWorthWaiting([hash]: Predecessor): boolean {
    // If the whole partition is one order, every record of the next chunk would leave. So the chunk waits for the end.
    if (this.deps.stream.ordering === 'partition') return true;
    return Date.now() - this.#open.get(hash)!.since < PATIENCE_MS;
  }

  /**
   * Resolves to true when the chunk has ended, and the workflows that its records left for are listed: the chunk's end
   * may then be committed. Resolves to false if the partition is revoked before, or the bridge stops.
   */
  async ended(workflowId: string, isOver: IsOver): Promise<boolean> {
    this.#running = workflowId;
    const predecessors = await this.#predecessorsOf(workflowId, isOver);
    if (!predecessors || !(await this.left(predecessors, isOver))) return false;
    this.#running = undefined;
    return true;
  }

  /** Resolves to true when these workflows of records that left a chunk are listed. Else false, as {@link ended}. */
  async left(predecessors: Predecessor[], isOver: IsOver): Promise<boolean> {
    for (const predecessor of predecessors) this.#add(predecessor);
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
    void this.deps.running.whenEnded(workflowId).then(() => {
      this.deps.predecessors.delete(hash, workflowId);
      if (this.#open.get(hash)?.workflowId === workflowId) this.#open.delete(hash);
    });
  }

  /** Waits for the end of a chunk, and returns the predecessors in its result. Undefined if the chain is over. */
  async #predecessorsOf(workflowId: string, isOver: IsOver): Promise<Predecessor[] | undefined> {
    const { client, logger } = this.deps;
    while (!isOver()) {
      try {
        const result = (await client.workflow.getHandle(workflowId).result()) as ChunkResult;
        return result.tails ?? [];
      } catch (error) {
        if (error instanceof WorkflowFailedError) return predecessorsOfFailed(error);
        // The workflow was terminated and deleted by hand.
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

/** Returns the predecessors of a chunk that failed because records had expired. It has delivered the other records. */
function predecessorsOfFailed({ cause }: WorkflowFailedError): Predecessor[] {
  const [result] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  return (result as Partial<ChunkResult> | undefined)?.tails ?? [];
}
