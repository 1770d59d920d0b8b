import type { KafkaRecord } from '../../domain/record/record';
import { fitsWorkflow } from '../../domain/workflow/record-start';
import { withTimeLimit } from '../attempt/time-limit';
import type { HeldKeys } from '../guard/delivery-guard';
import type { ChunkDelivery } from './chunk-delivery';
import { FEW } from './failure-policy';
import type { Item, KeyGroup } from './key-group';

/**
 * How long a record waits in its chunk for its predecessor, which has left. Chosen, not measured: a dead letter is
 * one workflow with one write, a record that is tried again takes longer. Under order by partition nobody gains if
 * records leave, but other partitions need the chunk's slot.
 */
const PATIENCE_MS = { none: 0, key: 500, partition: 10_000 };

/**
 * The keys of a chunk of which a record has left, and the keys that are held. The later records of such a key leave
 * as well. If the key is not held and its predecessor, the last record that has left, ends soon, they stay.
 *
 * No key becomes held meanwhile for a record of an earlier chunk: such a record has ended, or is in the chunk's
 * `after`. Whoever waits for a workflow of `after` asks again which keys are held.
 */
export class LeftKeys {
  #held: HeldKeys = () => false;
  /** Groups whose predecessor did not end soon. */
  #slowGroups = 0;

  constructor(private readonly delivery: ChunkDelivery) {}

  /** Call before the first record is delivered. */
  async load(): Promise<void> {
    await this.#askHeld();
    const { chunk, progress } = this.delivery.attempt;
    for (const [hash, workflowId] of chunk.after ?? []) {
      if (!progress.left.has(hash)) progress.left.set(hash, workflowId);
    }
  }

  /** Whether the record can't be delivered in its chunk any more. */
  mustLeave({ keyHash }: KeyGroup, record: KafkaRecord): boolean {
    if (this.delivery.leaver.mayHaveLeft(record)) return true;
    if (keyHash === undefined) return false;
    return this.delivery.attempt.progress.left.has(keyHash) || this.#held(keyHash, record.offset);
  }

  /** The workflow for which the record waits before it is delivered or leaves; undefined if it need not wait. */
  predecessorToAwait({ keyHash, isSlow }: KeyGroup, record: KafkaRecord): string | undefined {
    if (keyHash === undefined) return undefined;
    const predecessor = this.delivery.attempt.progress.left.get(keyHash);
    if (predecessor === undefined || mustStay(record)) return predecessor;
    if (this.delivery.leaver.mayHaveLeft(record) || this.#held(keyHash, record.offset))
      return undefined;
    return isSlow || this.#slowGroups > FEW ? undefined : predecessor;
  }

  /** Waits for the predecessor's end. If that does not come in time, the record leaves as well. */
  async untilEnded(predecessor: string, group: KeyGroup, record: KafkaRecord): Promise<void> {
    const { attempt, deps } = this.delivery;
    const late = new Error('the workflow before has not ended');
    const patienceMs = mustStay(record) ? Infinity : PATIENCE_MS[deps.stream.ordering];
    const attemptMs = attempt.timeLeftMs();
    try {
      await withTimeLimit(
        Math.max(Math.min(attemptMs, patienceMs), 1),
        (signal) => deps.workflowEnd(predecessor, signal),
        () => late,
      );
    } catch (error) {
      if (error !== late) throw error;
      if (attemptMs < patienceMs) throw attempt.unfinished();
      group.isSlow = true;
      this.#slowGroups++;
      return;
    }
    const { left } = attempt.progress;
    // Later records may have left meanwhile, in an overlapping attempt.
    if (left.get(group.keyHash!) === predecessor) left.delete(group.keyHash!);
    await this.#askHeld();
  }

  /** Lets a record leave. Its workflow waits for the predecessor, and is the next record's predecessor. */
  async leave({ keyHash }: KeyGroup, item: Item, attempts: number): Promise<void> {
    const { leaver, attempt } = this.delivery;
    const { record, candidate, reason } = item;
    const { left } = attempt.progress;
    const predecessor = keyHash === undefined ? undefined : left.get(keyHash);
    const workflowId = await leaver.leave(
      candidate ? { record, messageId: candidate.record.messageId, attempts } : { record, reason },
      predecessor,
    );
    if (keyHash !== undefined && workflowId !== undefined) left.set(keyHash, workflowId);
  }

  async #askHeld(): Promise<void> {
    const { deps, attempt } = this.delivery;
    this.#held = await deps.guard.heldKeys(attempt.chunk);
  }
}

/**
 * A record that does not fit a workflow can't wait in one: it would be dead-lettered. So its chunk waits, and the
 * partition with the chunk.
 */
function mustStay(record: KafkaRecord): boolean {
  return !fitsWorkflow(record);
}
