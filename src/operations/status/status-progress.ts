import {
  COUNTERS,
  emptyTotals,
  parseCommitMetadata,
  type CounterTotals,
  type RecentIds,
  type StallNote,
} from '../../domain/commit-metadata';
import { withAdmin, type Kafka } from '../../kafka/kafka';
import { groupState, type GroupMemberState } from '../../kafka/group';
import { committedOffsets, type CommittedOffset } from '../../kafka/group-offsets';
import type { PartitionEnds } from '../../kafka/offsets';
import type { AnyStream } from '../../domain/stream/stream';
import { existingEnds } from '../topic/read-topic';

export interface GroupProgress {
  lag: number;
  lagByPartition: Record<string, number>;
  totals: CounterTotals;
  /** Messages that the dedupe layer `recent` of the group's present members remembers, as of each last commit. */
  recentIds: number;
  stalled: StalledPartition[];
  consumers: Consumers;
}

/** Who consumes the stream's topic. */
export interface Consumers {
  /** False while the group reassigns its partitions. During that time it is not known which member has which. */
  settled: boolean;
  members: (Pick<GroupMemberState, 'memberId' | 'clientId' | 'host'> & { partitions: number[] })[];
}

/** A partition that has work and makes no progress, as its bridge worker reports. */
export interface StalledPartition extends Omit<StallNote, 'since' | 'workflowId' | 'detail'> {
  partition: number;
  /**
   * The offset at which the group continues: its commit, or the start of the log if that is later. It does not
   * move.
   */
  offset: number;
  /** Time of the last progress, ISO 8601. */
  since: string;
  /** The longest open workflow that the partition waits for; null if there is none. */
  workflowId: string | null;
  /** Facts that the reason does not say, such as why a batch can't be read; null if there are none. */
  detail: string | null;
}

/** How far the stream's group has come on its topic. All numbers are zero if the topic does not exist. */
export async function groupProgress(kafka: Kafka, stream: AnyStream): Promise<GroupProgress> {
  const { groupId, topic } = stream;
  const ends = await existingEnds(kafka, topic);
  if (!ends) return { ...progressOf([], [], []), consumers: { settled: true, members: [] } };
  const [committed, group] = await withAdmin(kafka, async (admin) => [
    await committedOffsets(admin, groupId, topic),
    await groupState(admin, groupId),
  ]);
  const memberIds = group.members.map(({ memberId }) => memberId);
  return { ...progressOf(ends, committed, memberIds), consumers: consumersOf(topic, group) };
}

/** A member of the group that reads only other topics belongs to another stream. */
function consumersOf(
  topic: string,
  { isStable, members }: Awaited<ReturnType<typeof groupState>>,
): Consumers {
  const own = isStable ? members.filter(({ topics }) => topics.includes(topic)) : members;
  return {
    settled: isStable || members.length === 0,
    members: own.map(({ memberId, clientId, host, partitions }) => ({
      ...{ memberId, clientId, host },
      partitions: [...(partitions[topic] ?? [])].sort((a, b) => a - b),
    })),
  };
}

/**
 * Where the group continues on a partition, and how many records it has before it. The lag extends to the high watermark,
 * as in Kafka's own tools. So an open transaction hides nothing.
 */
export function groupPosition(
  { low, high }: Pick<PartitionEnds, 'low' | 'high'>,
  commit: Pick<CommittedOffset, 'offset'> | undefined,
): { position: number; lag: number } {
  // Without a commit, or if retention has overtaken the commit, the group continues at the earliest record.
  const position = Math.max(Number(commit?.offset ?? -1), low);
  // A topic that was deleted and created again ends before its group's old commit.
  return { position, lag: Math.max(high - position, 0) };
}

/** Adds up the positions of all partitions, and what their commits say. */
export function progressOf(
  ends: Pick<PartitionEnds, 'partition' | 'low' | 'high'>[],
  committed: CommittedOffset[],
  members: string[],
): Omit<GroupProgress, 'consumers'> {
  const progress: Omit<GroupProgress, 'consumers'> = {
    lag: 0,
    lagByPartition: {},
    totals: emptyTotals(),
    recentIds: 0,
    stalled: [],
  };
  const latest = new Map<string, RecentIds>();
  for (const { partition, ...range } of ends) {
    const commit = committed.find((one) => one.partition === partition);
    const { position, lag } = groupPosition(range, commit);
    progress.lag += lag;
    progress.lagByPartition[partition] = lag;
    const { totals, member: seen, stall: note } = parseCommitMetadata(commit?.metadata);
    for (const field of COUNTERS) progress.totals[field] += totals[field];
    // A member that has left may have written the note. The partition's present owner reports a stall with a
    // commit of its own.
    if (note && seen && members.includes(seen.memberId)) {
      const { reason, since, workflowId = null, detail = null } = note;
      progress.stalled.push({
        ...{ partition, offset: position, reason, workflowId, detail },
        since: new Date(since).toISOString(),
      });
    }
    if (seen && seen.at >= (latest.get(seen.memberId)?.at ?? 0)) latest.set(seen.memberId, seen);
  }
  // The memory of a member that has left is lost.
  for (const memberId of members) progress.recentIds += latest.get(memberId)?.recentIds ?? 0;
  return progress;
}
