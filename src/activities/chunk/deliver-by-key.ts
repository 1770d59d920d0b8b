import { sleep } from '@temporalio/activity';
import { isRetryable, type DeliveryFailure } from '../../domain/errors';
import { eachOf } from '../../lib/each-of';
import { CONCURRENCY } from './chunk-attempt';
import type { ChunkDelivery } from './chunk-delivery';
import type { Candidate } from './chunk-records';
import {
  FAST_RETRY_INTERVAL_MS,
  failureOfMost,
  FEW,
  isMost,
  objectFailure,
  type Failed,
} from './failure-policy';
import { groupByKey, type Item, type KeyGroup } from './key-group';
import { LeftKeys } from './left-keys';

/** A group whose first record failed for now. The other records of the group are not tried before it. */
interface Stopped extends Failed {
  group: KeyGroup;
}

/**
 * One attempt that delivers the records of each key one after the other: the next is written when the one before it
 * is at the sink. If a record leaves the chunk and its workflow does not end soon, all later records of its key
 * leave too. Each gets a workflow `after` that of its predecessor. Keys are delivered side by side.
 *
 * An attempt in another process does not know which records left before. It must find out for each record that it
 * is at the sink before it writes the next, so it overtakes no record. A workflow that an earlier attempt has
 * started then finds a duplicate.
 */
export async function deliverByKey(delivery: ChunkDelivery): Promise<void> {
  await new DeliveryByKey(delivery).run();
}

class DeliveryByKey {
  readonly #keys: LeftKeys;
  readonly #stopped: Stopped[] = [];

  constructor(private readonly delivery: ChunkDelivery) {
    this.#keys = new LeftKeys(delivery);
  }

  async run(): Promise<void> {
    const { deps, records, sink } = this.delivery;
    await this.#keys.load();
    const groups = await groupByKey(records, deps.stream.ordering);
    if (sink.writesObjects) await this.#writeObject(groups);
    await eachOf(CONCURRENCY, groups, async (group) => {
      // When most keys fail the attempt fails, however the other keys would fare.
      if (!isMost(this.#stopped, groups)) await this.#deliverGroup(group);
    });
    await this.#settleStopped(groups);
  }

  /**
   * Writes one object with the records of each key that come before the first one that leaves or waits. If an
   * earlier attempt's object lacks a record, it also lacks every later record of that key that was not delivered
   * before. So writing the missing records now keeps the order.
   */
  async #writeObject(groups: KeyGroup[]): Promise<void> {
    const candidates = groups.flatMap((group) => this.#writableStart(group));
    if (candidates.length === 0) return;
    candidates.sort((a, b) => a.record.offset - b.record.offset);
    const result = await this.delivery.sink.writeObject(candidates);
    for (const group of groups) this.#dropSettled(group);
    // The sink refuses the object for good. Written one by one, the records show which of them is at fault.
    if (!Array.isArray(result) && isRetryable(result.type)) throw objectFailure(candidates, result);
  }

  #writableStart(group: KeyGroup): Candidate[] {
    const candidates: Candidate[] = [];
    for (const { record, candidate } of group.queue) {
      if (!candidate || this.#keys.mustLeave(group, record)) break;
      const verdict = this.#enter(candidate);
      if (verdict === 'in flight') break;
      if (verdict === 'duplicate') this.delivery.records.skip(candidate, 'recent');
      else candidates.push(candidate);
    }
    this.#dropSettled(group);
    return candidates;
  }

  #dropSettled(group: KeyGroup): void {
    const { records } = this.delivery;
    group.queue = group.queue.filter(({ record }) => !records.isSettled(record));
  }

  /** Delivers the records of a group, or lets them leave, until one fails for now. */
  async #deliverGroup(group: KeyGroup): Promise<void> {
    for (let item = group.queue[0]; item; item = group.queue[0]) {
      const failure = await this.#deliverItem(group, item);
      if (failure) {
        this.#stopped.push({ group, candidate: item.candidate!, failure });
        return this.#releaseAll(group);
      }
      group.queue.shift();
    }
  }

  /** Resolves with the failure of a record that needs another attempt. */
  async #deliverItem(group: KeyGroup, item: Item): Promise<DeliveryFailure | undefined> {
    const { records } = this.delivery;
    const { record, candidate } = item;
    // An overlapping attempt may have settled the record.
    if (records.isSettled(record)) return;
    if (candidate) {
      const predecessor = this.#keys.predecessorToAwait(group, record);
      if (predecessor !== undefined) {
        this.#releaseAll(group);
        await this.#keys.untilEnded(predecessor, group, record);
        if (records.isSettled(record)) return;
      }
    }
    if (!candidate || this.#keys.mustLeave(group, record)) return this.#leave(group, item, 0);
    if (await this.#lock(candidate)) return this.#write(group, item, candidate);
  }

  async #write(group: KeyGroup, item: Item, candidate: Candidate) {
    const { sink, policy } = this.delivery;
    for (let round = 1; ; round++) {
      const failure = await sink.writeRecord(candidate);
      if (!failure) return;
      const { type } = failure;
      if (!isRetryable(type)) return this.#leave(group, item, candidate.attempts);
      const isEnough = type === 'Throttled' || this.#stopped.length > FEW;
      if (isEnough || !policy.mayRetry(round)) return failure;
      await sleep(FAST_RETRY_INTERVAL_MS);
    }
  }

  /** Waits for a copy of the message in flight. Resolves with false if the message was delivered before. */
  async #lock(candidate: Candidate): Promise<boolean> {
    const { locks, records } = this.delivery;
    while (!locks.has(candidate)) {
      const verdict = this.#enter(candidate);
      if (verdict === 'new') break;
      if (verdict === 'duplicate') {
        records.skip(candidate, 'recent');
        return false;
      }
      await locks.freed(candidate);
    }
    return true;
  }

  #enter(candidate: Candidate): 'new' | 'duplicate' | 'in flight' {
    const { deps, attempt, locks } = this.delivery;
    deps.events.checked(attempt.chunk.partition, 1);
    return locks.enter(candidate);
  }

  async #leave(group: KeyGroup, item: Item, attempts: number): Promise<undefined> {
    await this.#keys.leave(group, item, attempts);
    if (item.candidate) this.delivery.locks.release(item.candidate, false);
  }

  /** Copies of the group's messages, under other keys, must not wait for a group that waits itself. */
  #releaseAll({ queue }: KeyGroup): void {
    for (const { candidate } of queue) if (candidate) this.delivery.locks.release(candidate, false);
  }

  /** Fails the attempt while most keys fail: the sink is down. When few fail, their records leave. */
  async #settleStopped(groups: KeyGroup[]): Promise<void> {
    const { policy } = this.delivery;
    const stopped = this.#stopped;
    if (stopped.length === 0) return;
    if (isMost(stopped, groups)) throw failureOfMost(groups.length, stopped);
    const failing = stopped.reduce((sum, { group }) => sum + group.queue.length, 0);
    const sinkSuspect = !policy.sinkAcceptedAny || failing > FEW;
    const staying = stopped.filter((one) => policy.stays(one, sinkSuspect));
    const parting = stopped.filter((one) => !staying.includes(one));
    const known = stopped.length;
    await eachOf(CONCURRENCY, parting, async ({ group, candidate }) => {
      await this.#leave(group, group.queue.shift()!, candidate.attempts);
      // The records behind it leave as well. One that is too large to leave waits, and is written or fails.
      await this.#deliverGroup(group);
    });
    staying.push(...stopped.slice(known));
    if (staying.length > 0) throw failureOfMost(groups.length, staying);
  }
}
