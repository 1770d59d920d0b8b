import { z } from 'zod';

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

/** Why a partition makes no progress. If several reasons hold, `stallCause` chooses one. */
export const STALL_REASONS = [
  /** The stream is braked: too many of its records were dead-lettered. */
  'braked',
  /** Temporal does not take workflow starts. */
  'temporal_backoff',
  /** Offsets are committable, and Kafka does not take their commit. */
  'commit_failing',
  /** Chunks are open, which wait for the sink, and the next chunk waits for them. */
  'chunk_open',
  /** As many workflows are open as the stream's `maxOpen` allows; they wait for the sink. */
  'max_open',
  /** The stream's `decode` fails for now; the detail says why. */
  'decode_failing',
  /** Records were fetched and are not finished, for none of the reasons above. */
  'records_waiting',
  /** The next batch can't be turned into records: its bytes are wrong, or its compression is not known. */
  'unreadable',
  /** The broker answers fetches of the partition with an error. */
  'fetch_failing',
  /** Kafka gives nothing, although the log has more records. */
  'no_fetch',
] as const;
export type StallReason = (typeof STALL_REASONS)[number];

/** A stall in the metadata of the partition's committed offset, for other processes. */
const noteSchema = z.object({
  reason: z.enum(STALL_REASONS),
  since: z.number(),
  workflowId: z.string().optional(),
  detail: z.string().optional(),
});
export type StallNote = z.output<typeof noteSchema>;

/** The note in an object of commit metadata, if there is one. */
export function parseStallNote(stalled: unknown): StallNote | undefined {
  return noteSchema.safeParse(stalled).data;
}
