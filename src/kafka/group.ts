import {
  AssignerProtocol,
  KafkaJSError,
  KafkaJSProtocolError,
  type Admin,
  type Assigner,
  type Cluster,
  type GroupMember,
  type PartitionAssigner,
} from 'kafkajs';

/** The whole cluster, which kafkajs gives to its assigners. The types of kafkajs leave this part out. */
interface AssignerCluster extends Cluster {
  brokerPool: {
    /** Asks one broker after the other. Null if all of them fail. */
    withBroker<T>(ask: (found: { broker: Broker }) => Promise<T>): Promise<T | null>;
  };
}
interface Broker {
  metadata(topics: string[]): Promise<{ topicMetadata: TopicMetadata[] }>;
}
interface TopicMetadata {
  topic: string;
  partitionMetadata: { partitionId: number }[];
}

/** Errors that another try does not change: no member can read such a topic. */
const UNREADABLE = ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED'];

/**
 * Assigns each topic's partitions to the members that read the topic. kafkajs's own assigner gives the leader's
 * topics to all members, so that two streams in one group lose partitions to each other. This assigner has the
 * name of kafkajs's own, so that members of earlier versions stay in the group during a rolling upgrade.
 * `onJoining` is called before each request to join, because kafkajs calls `protocol` only then.
 */
export function createAssigner(onJoining: () => void): PartitionAssigner {
  return ({ cluster }): Assigner => ({
    name: 'RoundRobinAssigner',
    version: 0,
    protocol({ topics }) {
      onJoining();
      const metadata = AssignerProtocol.MemberMetadata.encode({
        version: this.version,
        topics,
        userData: Buffer.alloc(0),
      });
      return { name: this.name, metadata };
    },
    async assign({ members }) {
      const assigned = new Map<string, Record<string, number[]>>();
      for (const [topic, readers] of readersByTopic(members)) {
        const partitions = await partitionsOf(cluster as AssignerCluster, topic);
        for (const [i, partition] of partitions.entries()) {
          const reader = readers[i % readers.length]!;
          const topics = assigned.get(reader) ?? {};
          (topics[topic] ??= []).push(partition);
          assigned.set(reader, topics);
        }
      }
      return [...assigned].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: this.version,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

/** The sorted ids of the members that read each topic. */
function readersByTopic(members: GroupMember[]): Map<string, string[]> {
  const readers = new Map<string, string[]>();
  for (const { memberId, memberMetadata } of members) {
    for (const topic of topicsOf(memberMetadata)) {
      readers.set(topic, [...(readers.get(topic) ?? []), memberId].sort());
    }
  }
  return readers;
}

/** The topics that a member reads. Empty if the member's metadata is not in Kafka's format. */
function topicsOf(memberMetadata: Buffer): string[] {
  try {
    return AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [];
  } catch {
    return [];
  }
}

/**
 * The partitions of a topic that a member reads. For the leader's own topics kafkajs has just refreshed its
 * metadata. This function asks for other topics separately: among the leader's own topics they would end the
 * leader's consumer when somebody deletes them.
 */
async function partitionsOf(cluster: AssignerCluster, topic: string): Promise<number[]> {
  const own = cluster.findTopicPartitionMetadata(topic);
  if (own.length > 0) return own.map(({ partitionId }) => partitionId);
  const found = await cluster.brokerPool.withBroker(async ({ broker }) => {
    try {
      const { topicMetadata } = await broker.metadata([topic]);
      return topicMetadata.find((one) => one.topic === topic)?.partitionMetadata ?? [];
    } catch (error) {
      const unreadable = error instanceof KafkaJSProtocolError && UNREADABLE.includes(error.type);
      if (unreadable) return [];
      throw error;
    }
  });
  // The consumer then starts anew, and the group assigns its partitions once more.
  if (!found) {
    throw new KafkaJSError(
      `no broker answers which partitions topic ${topic} has; other members of the group read that topic`,
    );
  }
  return found.map(({ partitionId }) => partitionId);
}

/** A member of a consumer group: the topics that it reads, and the partitions that the leader gave it. */
export interface GroupMemberState {
  memberId: string;
  clientId: string;
  /** The address from which the member connects. */
  host: string;
  topics: string[];
  partitions: Record<string, number[]>;
}

/** The members of a group; undefined while the group assigns its partitions. */
export async function groupMembers(
  admin: Admin,
  groupId: string,
): Promise<GroupMemberState[] | undefined> {
  const { isStable, members } = await groupState(admin, groupId);
  return isStable ? members : undefined;
}

/** The members of a group. They have neither topics nor partitions while the group assigns its partitions. */
export async function groupState(
  admin: Admin,
  groupId: string,
): Promise<{ isStable: boolean; members: GroupMemberState[] }> {
  const { groups } = await admin.describeGroups([groupId]);
  const { state, members } = groups[0]!;
  const isStable = state === 'Stable';
  return {
    isStable,
    members: members.map(({ memberId, clientId, clientHost, ...member }) => ({
      ...{ memberId, clientId, host: clientHost.replace(/^\//, '') },
      topics: isStable ? topicsOf(member.memberMetadata) : [],
      partitions:
        (isStable &&
          AssignerProtocol.MemberAssignment.decode(member.memberAssignment)?.assignment) ||
        {},
    })),
  };
}
