import type { StallNote, StallReason } from '../../domain/commit-metadata';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';

export interface StallCause {
  reason: StallReason;
  /** More about the reason, for example a status of Temporal. */
  detail?: string;
  /** The workflow that has been open for the longest time, among those that the partition waits for. */
  oldest?: { workflowId: string; offset: number; openSince: number };
}

export interface Stall extends StallCause {
  partition: number;
  /** The committed offset, which does not move. */
  offset: number;
  /** Milliseconds since the epoch: when the partition last made progress. */
  since: number;
}

/**
 * The longest id or detail in a note, in bytes of JSON. A longer id is left out: an id of 255 control characters would
 * take 1,500 of the 4,096 bytes that the broker takes as metadata. A longer detail is cut for the same reason. No cause
 * has both.
 */
const MAX_NOTED_BYTES = 300;

/** How often a stall that lasts is logged again. */
const REMIND_MS = 5 * 60_000;

interface Progress {
  /** The committed offset. */
  position: number;
  /** Whether the partition has work. */
  works: boolean;
  /** Milliseconds since the epoch: when the partition last made progress or had no work. */
  since: number;
  stall?: Stall;
  loggedAt: number;
}

export interface StallDependencies {
  stream: { name: string; topic: string };
  /** Milliseconds without progress after which a partition with work is stalled. */
  afterMs: number;
  metrics: Metrics;
  logger: Logger;
}

/** Detects, logs and describes the partitions of a stream that have work and make no progress. */
export class Stalls {
  readonly #partitions = new Map<number, Progress>();

  constructor(private readonly deps: StallDependencies) {}

  /** Notes the state of a partition. Call this regularly for each partition. `cause` is called only for a stall. */
  observe(
    partition: number,
    { position, works }: { position: number; works: boolean },
    cause: () => StallCause,
    now = Date.now(),
  ): void {
    const known = this.#partitions.get(partition);
    if (!works || !known || position > known.position) {
      this.#end(partition, now);
      this.#partitions.set(partition, { position, works, since: now, loggedAt: 0 });
    } else {
      known.works = true;
      if (now - known.since >= this.deps.afterMs) this.#stalled(partition, known, cause(), now);
    }
    this.deps.metrics.stalled.set(this.#where(partition), this.of(partition) ? 1 : 0);
  }

  /** For how long the partition has had work and made no progress; 0 if it has no work. */
  waitingMs(partition: number, now = Date.now()): number {
    const known = this.#partitions.get(partition);
    return known?.works ? now - known.since : 0;
  }

  /** Forgets a partition, because this consumer no longer owns it or reads it anew. */
  forget(partition: number): void {
    this.#partitions.delete(partition);
    this.deps.metrics.stalled.remove(this.#where(partition));
  }

  of(partition: number): Stall | undefined {
    return this.#partitions.get(partition)?.stall;
  }

  note(partition: number): StallNote | undefined {
    const stall = this.of(partition);
    if (!stall) return undefined;
    const { reason, since, oldest, detail } = stall;
    if (!oldest) return { reason, since, ...(detail && { detail: cutToNote(detail) }) };
    const fits = jsonBytes(oldest.workflowId) <= MAX_NOTED_BYTES;
    return { reason, since, ...(fits && { workflowId: oldest.workflowId }) };
  }

  /** Describes every stall for people, by partition. */
  describe(now = Date.now()): Record<string, string> {
    const stalls = [...this.#partitions.values()].flatMap(({ stall }) => stall ?? []);
    return Object.fromEntries(
      stalls.map((stall) => [
        `stalled ${this.deps.stream.name} ${this.deps.stream.topic}/${stall.partition}`,
        describeStall(stall, now),
      ]),
    );
  }

  #stalled(partition: number, known: Progress, cause: StallCause, now: number): void {
    const { position: offset, since } = known;
    const begins = !known.stall;
    known.stall = { ...cause, partition, offset, since };
    if (!begins && now - known.loggedAt < REMIND_MS) return;
    known.loggedAt = now;
    this.deps.logger.warn(
      { ...this.#where(partition), offset, ...cause, stalledMs: now - since },
      begins ? 'Partition is stalled' : 'Partition is still stalled',
    );
  }

  #end(partition: number, now: number): void {
    const stall = this.of(partition);
    if (!stall) return;
    const fields = { ...this.#where(partition), offset: stall.offset, reason: stall.reason };
    this.deps.logger.info({ ...fields, stalledMs: now - stall.since }, 'Partition goes on');
  }

  #where(partition: number) {
    const { name, topic } = this.deps.stream;
    return { stream: name, topic, partition };
  }
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

function cutToNote(text: string): string {
  if (jsonBytes(text) <= MAX_NOTED_BYTES) return text;
  // Each character takes a byte at least, so the rest of a long text can't fit.
  const characters = Array.from(text.slice(0, MAX_NOTED_BYTES));
  while (jsonBytes(`${characters.join('')}…`) > MAX_NOTED_BYTES) characters.pop();
  return `${characters.join('')}…`;
}

function describeStall({ offset, since, reason, detail, oldest }: Stall, now: number): string {
  const seconds = (from: number) => Math.round((now - from) / 1_000);
  return [
    `at offset ${offset} for ${seconds(since)} s: ${reason}`,
    ...(detail ? [` (${detail})`] : []),
    ...(oldest ? [`, ${oldest.workflowId} is open for ${seconds(oldest.openSince)} s`] : []),
  ].join('');
}
