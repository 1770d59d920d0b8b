import { Predecessors } from './predecessors';

/**
 * Running totals of a partition since its group first committed. They travel as metadata of the
 * committed offset: whoever owns the partition next counts on, and `cloudsync status` reads them
 * without asking any process.
 */
export const COUNTERS = [
  /** Duplicates skipped, by the layer that saw them. */
  'recent',
  'workflowId',
  'sink',
  /** Attempts at the sink that failed and were followed by another. */
  'retries',
  /** Messages delivered. */
  'delivered',
  /** Records that were looked at for duplicates, by whichever layer; those of a redelivery again. */
  'checked',
  /** Duplicates that waited for the first of their kind. */
  'lockWaits',
  /** Messages that layer `recent` forgot before their time, because it was full. */
  'evictions',
  /** Successful attempts at the sink, and the time they took, in microseconds. */
  'deliveries',
  'deliveryMicros',
  /** Records that the stream passed by. */
  'filtered',
] as const;
export type CounterName = (typeof COUNTERS)[number];
export type CounterTotals = Record<CounterName, number>;

/** What is no total: the messages that the committing member of the group remembers at that time. */
export interface RecentIds {
  memberId: string;
  recentIds: number;
  /** Milliseconds since the epoch. */
  at: number;
}

export class PartitionCounters {
  /** Under an order of keys: what is open behind the committed offset. */
  readonly predecessors = new Predecessors(() => (this.#changed = true));
  readonly #totals = emptyTotals();
  /** Of the totals, what is not this one's to count any more. */
  #settled = emptyTotals();
  #sent = emptyTotals();
  #heir: PartitionCounters | undefined;
  /** Undefined until what earlier owners committed is known; until then nothing may be committed. */
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

  /** Metadata for the next commit: a few hundred bytes, and the tails; the broker takes 4,096. */
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

  /** Hands over what was added since the last commit. */
  drainTo(other: PartitionCounters): void {
    for (const field of COUNTERS) {
      const rest = this.#totals[field] - this.#settled[field];
      if (rest > 0) other.add(field, rest);
    }
    this.#settled = { ...this.#totals };
  }

  /**
   * The partition is another's. What was not committed counts with the heir, and so does what still comes, as
   * of workflows that end. If a failed commit has taken effect all the same, its part counts twice.
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

/** Totals from commit metadata; zeros where it is absent or was written by another program. */
export function parseTotals(metadata: string | null | undefined): CounterTotals {
  const totals = emptyTotals();
  const parsed = parseObject(metadata);
  for (const field of COUNTERS) totals[field] = countOf(parsed[field]);
  return totals;
}

/** Which member committed and how much it remembered; `undefined` for metadata of another program. */
export function parseRecentIds(metadata: string | null | undefined): RecentIds | undefined {
  const { memberId, recentIds, at } = parseObject(metadata);
  if (typeof memberId !== 'string') return undefined;
  return { memberId, recentIds: countOf(recentIds), at: countOf(at) };
}

/** Commit metadata as an object; empty where another program wrote it. */
export function parseObject(metadata: string | null | undefined): Record<string, unknown> {
  if (!metadata?.startsWith('{')) return {};
  try {
    return JSON.parse(metadata) as Record<string, unknown>;
  } catch {
    // Another program's: it counts nothing.
    return {};
  }
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0;
}

export function emptyTotals(): CounterTotals {
  return Object.fromEntries(COUNTERS.map((field) => [field, 0])) as CounterTotals;
}
