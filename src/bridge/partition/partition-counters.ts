import { Predecessors } from './predecessors';

/**
 * Running totals of a partition since its group first committed. The totals are metadata of the committed offset. So
 * the partition's next owner continues the count, and `cloudsync status` reads the totals without asking a process.
 */
export const COUNTERS = [
  /** Duplicates that were skipped, by the layer that detected them. */
  'recent',
  'workflowId',
  'sink',
  /** Attempts at the sink that failed and were followed by another. */
  'retries',
  /** Messages delivered. */
  'delivered',
  /** Records that any layer checked for duplicates. A record that Kafka gives again counts again. */
  'checked',
  /** Duplicates that waited because another record with their message was in work. */
  'lockWaits',
  /** Messages that layer `recent` forgot early, because it was full. */
  'evictions',
  /** Successful attempts at the sink, and their total time in microseconds. */
  'deliveries',
  'deliveryMicros',
  /** Records that the stream skips: records without a value, if its `onNull` is `skip`. */
  'filtered',
] as const;
export type CounterName = (typeof COUNTERS)[number];
export type CounterTotals = Record<CounterName, number>;

/** Which member of the group committed, and how many messages its layer `recent` remembered at that time. */
export interface RecentIds {
  memberId: string;
  recentIds: number;
  /** Milliseconds since the epoch. */
  at: number;
}

/**
 * Counts the totals of one partition in this process, and turns them into commit metadata. Every owner of the
 * partition adds to what the earlier owners committed.
 */
export class PartitionCounters {
  /** Only for ordered streams: workflows that may be open although the offset of their record is committed. */
  readonly predecessors = new Predecessors(() => (this.#changed = true));
  /** What this process has counted. */
  readonly #totals = emptyTotals();
  /** The part of `#totals` that is already committed or handed to another partition. `drainTo` moves the difference. */
  #settled = emptyTotals();
  /** The part of `#totals` that the last metadata has. It is settled when that commit has succeeded. */
  #sent = emptyTotals();
  /** Counts in place of this object once the partition is revoked. */
  #heir: PartitionCounters | undefined;
  /** What earlier owners committed. Undefined until that is known; until then nothing may be committed. */
  #base: CounterTotals | undefined;
  #changed = false;

  add(field: CounterName, count = 1): void {
    if (this.#heir) return this.#heir.add(field, count);
    this.#totals[field] += count;
    this.#changed = true;
  }

  /** Starts from the metadata that the group's last commit on this partition carried. */
  load(metadata: string | null | undefined): void {
    this.#base = parseTotals(metadata);
    this.predecessors.load(parseObject(metadata).open);
  }

  get loaded(): boolean {
    return this.#base !== undefined;
  }

  get changed(): boolean {
    return this.#changed;
  }

  /**
   * Returns the metadata for the next commit: a few hundred bytes, and the list of predecessors. The broker takes
   * 4,096 bytes.
   */
  toMetadata(by?: object): string {
    const base = this.#base ?? emptyTotals();
    this.#changed = false;
    this.#sent = { ...this.#totals };
    const totals = COUNTERS.map((field) => [field, base[field] + this.#totals[field]]);
    const open = this.predecessors.list;
    return JSON.stringify({
      ...Object.fromEntries(totals),
      ...by,
      ...(open.length > 0 && { open }),
    });
  }

  /** The commit that carried the metadata succeeded. */
  committed(): void {
    this.#settled = this.#sent;
  }

  /** Moves to `other` what was added since the last commit, and was not moved yet. */
  drainTo(other: PartitionCounters): void {
    for (const field of COUNTERS) {
      const rest = this.#totals[field] - this.#settled[field];
      if (rest > 0) other.add(field, rest);
    }
    this.#settled = { ...this.#totals };
  }

  /**
   * Lets `heir` count from now on, because the partition was revoked. What was not committed moves to the heir. Later
   * additions go to the heir too, for example when a workflow ends. If a commit has failed here but has taken effect
   * on the broker, its part counts twice.
   */
  leaveTo(heir: PartitionCounters): void {
    this.drainTo(heir);
    this.#heir = heir;
  }

  /** The commit that carried the metadata failed. */
  commitFailed(): void {
    this.#changed = true;
  }
}

/** Reads the totals from commit metadata. They are zero if there is no metadata, or if another program wrote it. */
export function parseTotals(metadata: string | null | undefined): CounterTotals {
  const totals = emptyTotals();
  const parsed = parseObject(metadata);
  for (const field of COUNTERS) totals[field] = countOf(parsed[field]);
  return totals;
}

/** Reads from commit metadata which member committed. Undefined if another program wrote the metadata. */
export function parseRecentIds(metadata: string | null | undefined): RecentIds | undefined {
  const { memberId, recentIds, at } = parseObject(metadata);
  if (typeof memberId !== 'string') return undefined;
  return { memberId, recentIds: countOf(recentIds), at: countOf(at) };
}

/** Parses commit metadata. The object is empty if another program wrote the metadata. */
export function parseObject(metadata: string | null | undefined): Record<string, unknown> {
  if (!metadata?.startsWith('{')) return {};
  try {
    return JSON.parse(metadata) as Record<string, unknown>;
  } catch {
    // Another program wrote the metadata.
    return {};
  }
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0;
}

export function emptyTotals(): CounterTotals {
  return Object.fromEntries(COUNTERS.map((field) => [field, 0])) as CounterTotals;
}
