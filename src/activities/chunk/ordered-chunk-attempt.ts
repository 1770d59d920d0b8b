import { sleep } from '@temporalio/activity';
import { isRetryable, type DeliveryFailure } from '../../domain/errors';
import type { Head } from '../../domain/stream/hold';
import { keyHash } from '../../domain/workflow/key-hash';
import type { InvalidReason, KafkaRecord } from '../../domain/record/record';
import {
  fitsWorkflow,
  startAfter,
  startOfInvalidRecord,
  startOfRecord,
} from '../../domain/workflow/record-start';
import {
  ChunkAttempt,
  CONCURRENCY,
  FAST_RETRY_INTERVAL_MS,
  failureOfMost,
  FEW,
  isMost,
  objectFailure,
  type Candidate,
  type Failed,
} from './chunk-attempt';
import { eachOf } from '../../lib/each-of';
import { withTimeLimit } from '../attempt/time-limit';
import { workflowEnd } from './workflow-end';

/** A record that needs something from this attempt: valid, or not. */
type Item =
  | { record: KafkaRecord; candidate: Candidate; reason?: undefined }
  | { record: KafkaRecord; candidate?: undefined; reason: InvalidReason };

/** The records of one key that are not settled, in their order; one without a key is by itself. */
interface Group {
  keyHash: string | undefined;
  queue: Item[];
  /** What it has waited for did not end soon. */
  isSlow?: boolean;
}

/**
 * How long a record waits in its chunk for the one before it in its key, which has left. Chosen, not
 * measured: a dead letter is one workflow with one write, what is tried again takes longer. Where the
 * partition is the key nobody gains if records leave, but other partitions need the chunk's place.
 */
const PATIENCE_MS = { none: 0, key: 500, partition: 10_000 };

/** A group whose first record failed for now. The others are not tried before that. */
interface Stopped extends Failed {
  group: Group;
}

/**
 * One attempt in which the records of a key follow each other: the next is written when the one before it
 * is at the sink. When one leaves the chunk and does not end soon, all later ones of its key leave, each with
 * a workflow `after` that of the one before it. Keys go on side by side.
 *
 * An attempt in another process does not know what left before it. It has to find out for itself of each
 * record that it is at the sink before it writes the next, so it overtakes none; a workflow that an earlier
 * attempt has started comes to a duplicate then.
 *
 * Records of a key that is held leave the chunk. No key becomes held meanwhile for a record of an earlier
 * chunk: those have ended, or are in the chunk's `after`. Whoever waits for such a one looks again.
 */
export class OrderedChunkAttempt extends ChunkAttempt {
  readonly #stopped: Stopped[] = [];
  #heads: ReadonlyMap<string, Head> = new Map();
  /** Groups that have waited in vain. */
  #slow = 0;

  override async run(): Promise<void> {
    await this.#readHeads();
    for (const [hash, workflowId] of this.chunk.after ?? []) {
      if (!this.progress.left.has(hash)) this.progress.left.set(hash, workflowId);
    }
    try {
      const groups = await this.#groups();
      if (this.deps.stream.sink.writeChunk) await this.#writeObject(groups);
      const going = groups.filter((group) => !this.#stopped.some((one) => one.group === group));
      await eachOf(CONCURRENCY, going, async (group) => {
        // Most keys fail: the attempt fails, however the others would fare.
        if (!isMost(this.#stopped, groups)) await this.#deliver(group);
      });
      await this.#settle(groups);
    } finally {
      for (const candidate of this.locked) this.unlock(candidate, false);
    }
  }

  async #groups(): Promise<Group[]> {
    const { stream } = this.deps;
    const groups = new Map<unknown, Group>();
    for (const [record, parsed] of await this.parsed()) {
      const item: Item = parsed.ok
        ? { record, candidate: this.candidate(record, parsed.messageId, parsed.message) }
        : { record, reason: parsed.reason };
      const hash = keyHash(stream.ordering, record);
      const group = groups.get(hash ?? record);
      if (group) group.queue.push(item);
      else groups.set(hash ?? record, { keyHash: hash, queue: [item] });
    }
    return [...groups.values()];
  }

  /**
   * Writes of each key what comes before the first record that leaves or waits, as one object. One that an
   * earlier attempt has written may lack some; then it lacks all later ones of the key that were not
   * delivered before.
   */
  async #writeObject(groups: Group[]): Promise<void> {
    const heads = groups.flatMap((group) => this.#head(group));
    if (heads.length === 0) return;
    heads.sort((a, b) => a.record.offset - b.record.offset);
    const result = await this.writeObject(heads);
    for (const group of groups) this.#dropSettled(group);
    // Refused for good: each record by itself shows which of them is at fault.
    if (!Array.isArray(result) && isRetryable(result.type)) throw objectFailure(heads, result);
  }

  #head(group: Group): Candidate[] {
    const head: Candidate[] = [];
    for (const { record, candidate } of group.queue) {
      if (!candidate || this.#leaves(group, record)) break;
      const verdict = this.#checked(candidate);
      if (verdict === 'in flight') break;
      if (verdict === 'duplicate') this.skip(candidate, 'recent');
      else head.push(candidate);
    }
    this.#dropSettled(group);
    return head;
  }

  #checked(candidate: Candidate): 'new' | 'duplicate' | 'in flight' {
    this.deps.events.checked(this.chunk.partition, 1);
    return this.enter(candidate);
  }

  #dropSettled(group: Group): void {
    const { settled } = this.progress;
    group.queue = group.queue.filter(({ record }) => !settled.has(record.offset));
  }

  #leaves({ keyHash }: Group, { offset }: KafkaRecord): boolean {
    const { left, leaving } = this.progress;
    if (leaving.has(offset)) return true;
    return keyHash !== undefined && (left.has(keyHash) || this.#isHeld(keyHash, offset));
  }

  /** One before the key's head had ended before that died: another process has delivered it. */
  #isHeld(keyHash: string, offset: number): boolean {
    const head = this.#heads.get(keyHash);
    return head !== undefined && offset >= head[0];
  }

  /** Brings the records of a group to the sink, or to workflows of their own, until one fails for now. */
  async #deliver(group: Group): Promise<void> {
    for (let item = group.queue[0]; item; item = group.queue[0]) {
      const failure = await this.#bring(group, item);
      if (failure) return this.#stop(group, item.candidate!, failure);
      group.queue.shift();
    }
  }

  /** The failure of a record that needs another attempt. */
  async #bring(group: Group, item: Item): Promise<DeliveryFailure | undefined> {
    const { record, candidate } = item;
    // By an attempt at this chunk that had not ended.
    if (this.progress.settled.has(record.offset)) return;
    if (candidate) {
      await this.#waitForBefore(group, record);
      if (this.progress.settled.has(record.offset)) return;
    }
    if (!candidate || this.#leaves(group, record)) return this.#leave(group, item, 0);
    if (!(await this.#lock(candidate))) return;
    for (let round = 1; ; round++) {
      const result = await this.tryWrite([candidate], (context) =>
        this.deps.stream.sink.write(candidate.record, context),
      );
      if ('outcome' in result) return;
      if (!isRetryable(result.type)) return this.#leave(group, item, candidate.attempts);
      const enough = round >= this.retry.fastAttempts || this.timeLeft() < FAST_RETRY_INTERVAL_MS;
      if (enough || result.type === 'Throttled' || this.#stopped.length > FEW) return result;
      await sleep(FAST_RETRY_INTERVAL_MS);
    }
  }

  /**
   * Waits for the end of the workflow with which the key has left; where that does not come in time the
   * record leaves as well. One that does not fit a workflow can't wait in one: it would be dead-lettered.
   * So its chunk waits, and with it the partition.
   */
  async #waitForBefore(group: Group, record: KafkaRecord): Promise<void> {
    const { keyHash: hash } = group;
    const { left, leaving } = this.progress;
    const before = hash === undefined ? undefined : left.get(hash);
    if (before === undefined) return;
    const isLarge = !fitsWorkflow(record);
    if (!isLarge && (leaving.has(record.offset) || this.#isHeld(hash!, record.offset))) return;
    if (!isLarge && (group.isSlow || this.#slow > FEW)) return;
    this.#unlockAll(group);
    const late = new Error('the workflow before has not ended');
    const patienceMs = isLarge ? Infinity : PATIENCE_MS[this.deps.stream.ordering];
    const attemptMs = this.timeLeft();
    try {
      await withTimeLimit(
        Math.max(Math.min(attemptMs, patienceMs), 1),
        (signal) => workflowEnd(before, signal),
        () => late,
      );
    } catch (error) {
      if (error !== late) throw error;
      if (attemptMs < patienceMs) throw this.unfinished();
      group.isSlow = true;
      this.#slow++;
      return;
    }
    // An attempt that had not ended may have left with later ones meanwhile.
    if (left.get(hash!) === before) left.delete(hash!);
    await this.#readHeads();
  }

  async #readHeads(): Promise<void> {
    const { holds } = this.deps;
    if (holds) this.#heads = await holds.heads(this.chunk);
  }

  /** False if the message was delivered before. Waits for a copy of it in flight. */
  async #lock(candidate: Candidate): Promise<boolean> {
    const { recent, events } = this.deps;
    while (!this.locked.has(candidate)) {
      const verdict = this.#checked(candidate);
      if (verdict === 'new') break;
      if (verdict === 'duplicate') {
        this.skip(candidate, 'recent');
        return false;
      }
      events.waiting(candidate.record);
      await withTimeLimit(
        Math.max(this.timeLeft(), 1),
        () => recent.freed(candidate.lock),
        () => this.unfinished(),
      );
    }
    return true;
  }

  /** The record goes on in the record lane, and with it the later ones of its key. */
  async #leave({ keyHash }: Group, item: Item, attempts: number): Promise<undefined> {
    const { stream } = this.deps;
    const { record, candidate } = item;
    const start = candidate
      ? startOfRecord(stream, record, candidate.record.messageId, attempts)
      : startOfInvalidRecord(stream, record, item.reason);
    const after = keyHash === undefined ? undefined : this.progress.left.get(keyHash);
    const workflowId = await this.handOn(startAfter(start, after), record);
    if (keyHash !== undefined && workflowId !== undefined) {
      this.progress.left.set(keyHash, workflowId);
    }
    if (candidate) this.unlock(candidate, false);
  }

  #stop(group: Group, candidate: Candidate, failure: DeliveryFailure): void {
    this.#stopped.push({ group, candidate, failure });
    this.#unlockAll(group);
  }

  /** Copies of its messages, under other keys, must not wait for a group that waits. */
  #unlockAll({ queue }: Group): void {
    for (const { candidate } of queue) if (candidate) this.unlock(candidate, false);
  }

  /** As long as most keys fail the sink is down. Of a few, the records leave. */
  async #settle(groups: Group[]): Promise<void> {
    const stopped = this.#stopped;
    if (stopped.length === 0) return;
    if (isMost(stopped, groups)) throw failureOfMost(groups.length, stopped);
    const failing = stopped.reduce((sum, { group }) => sum + group.queue.length, 0);
    const staying = stopped.filter((one) => this.stays(one, !this.tookAny || failing > FEW));
    const parting = stopped.filter((one) => !staying.includes(one));
    const known = stopped.length;
    await eachOf(CONCURRENCY, parting, async ({ group, candidate }) => {
      await this.#leave(group, group.queue.shift()!, candidate.attempts);
      // They leave as well; but one that is too large for that waits, and is written, or fails.
      await this.#deliver(group);
    });
    staying.push(...stopped.slice(known));
    if (staying.length > 0) throw failureOfMost(groups.length, staying);
  }
}
