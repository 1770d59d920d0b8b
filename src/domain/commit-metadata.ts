import { z } from 'zod';
import type { Predecessor } from './workflow/key-hash';

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
  /** Records that the stream skips, as its `onNull`, `accept` or `filter` says. */
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

/** A leader epoch, with the first offset that was read under it. */
export type CommittedEpoch = [offset: number, epoch: number];

/** Identifies the log that a partition was read from: the topic's id, and the leader epochs of its last records. */
export interface CommittedLog {
  id?: string;
  epochs?: CommittedEpoch[];
}

/** What a bridge worker commits with the offset of a partition. */
export interface CommitMetadata {
  totals: CounterTotals;
  /** Undefined if another program wrote the metadata. */
  member?: RecentIds | undefined;
  /** Undefined if the topic's id is not known. */
  log?: CommittedLog | undefined;
  /** Only in the chunk lane: the end of the chain of chunks, if the committed offset is above it. */
  chainEnd?: number | undefined;
  /** Why the partition made no progress at the commit; undefined if it made progress. */
  stall?: StallNote | undefined;
  /** Only for ordered streams: the last workflow of each key that may be open. */
  predecessors: Predecessor[];
}

/** Kafka stores this text with the committed offset. Its keys never change, because other versions read them. */
export function formatCommitMetadata(metadata: CommitMetadata): string {
  const { totals, member, log, chainEnd, stall, predecessors } = metadata;
  return JSON.stringify({
    ...totals,
    ...member,
    ...(log && { log }),
    ...(chainEnd !== undefined && { chain: chainEnd }),
    ...(stall && { stalled: stall }),
    ...(predecessors.length > 0 && { open: predecessors }),
  });
}

/** Reads a text that {@link formatCommitMetadata} wrote. Of a text by another program, only usable fields are read. */
export function parseCommitMetadata(text: string | null | undefined): CommitMetadata {
  const { memberId, recentIds, at, log, chain, stalled, open, ...fields } = parseObject(text);
  const totals = emptyTotals();
  for (const field of COUNTERS) totals[field] = countOf(fields[field]);
  return {
    totals,
    member:
      typeof memberId === 'string'
        ? { memberId, recentIds: countOf(recentIds), at: countOf(at) }
        : undefined,
    log: parseLog(log),
    chainEnd: Number.isSafeInteger(chain) ? (chain as number) : undefined,
    stall: noteSchema.safeParse(stalled).data,
    predecessors: Array.isArray(open) ? open.filter(isPredecessor) : [],
  };
}

function parseObject(text: string | null | undefined): Record<string, unknown> {
  if (!text?.startsWith('{')) return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Another program wrote the metadata.
    return {};
  }
}

function parseLog(log: unknown): CommittedLog | undefined {
  const { id, epochs } = (log ?? {}) as { id?: unknown; epochs?: unknown };
  const isUsable = Array.isArray(epochs) && epochs.every(isCommittedEpoch);
  if (typeof id !== 'string' && !isUsable) return undefined;
  return { ...(typeof id === 'string' && { id }), ...(isUsable && { epochs }) };
}

function isCommittedEpoch(one: unknown): one is CommittedEpoch {
  return Array.isArray(one) && one.length === 2 && one.every((n) => Number.isSafeInteger(n));
}

function isPredecessor(value: unknown): value is Predecessor {
  return (
    Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string')
  );
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0;
}

export function emptyTotals(): CounterTotals {
  return Object.fromEntries(COUNTERS.map((field) => [field, 0])) as CounterTotals;
}

/** Why a partition makes no progress. If several reasons hold, `stallCause` chooses one. */
export const STALL_REASONS = [
  /** An operator has paused the stream. */
  'paused',
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
