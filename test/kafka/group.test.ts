import type { Admin } from '../../src/kafka/kafka';
import { createAssigner, groupMembers } from '../../src/kafka/group';

interface Assigner {
  name: string;
  protocol(subscription: { topics: string[] }): { name: string; metadata: Buffer };
  assign(group: { members: object[]; topics: string[] }): Promise<Assignment[]>;
}
type Assignment = { memberId: string; memberAssignment: Buffer };
interface Serializer<T> {
  decode(buffer: Buffer): T;
  encode(value: object): Buffer;
}
const { PartitionAssigners, AssignerProtocol, KafkaJSProtocolError } = jest.requireActual<{
  PartitionAssigners: { roundRobin: (config: object) => Assigner };
  AssignerProtocol: { MemberAssignment: Serializer<{ assignment: Record<string, number[]> }> };
  KafkaJSProtocolError: new (error: object) => Error;
}>('kafkajs');

/** A cluster with the topics that the leader knows (`own`), and topics that only brokers know (`others`). */
function clusterOf(own: Record<string, number>, others: Record<string, number | Error> = {}) {
  const metadataOf = (count: number) =>
    Array.from({ length: count }, (_, partitionId) => ({ partitionId }));
  const broker = {
    metadata: ([topic]: [string]) => {
      const found = others[topic]!;
      if (found instanceof Error) return Promise.reject(found);
      return Promise.resolve({ topicMetadata: [{ topic, partitionMetadata: metadataOf(found) }] });
    },
  };
  return {
    findTopicPartitionMetadata: (topic: string) => metadataOf(own[topic] ?? 0),
    brokerPool: {
      withBroker: (ask: (found: object) => Promise<unknown>) => ask({ broker }).catch(() => null),
    },
  };
}

const ours = (cluster: object, onJoining = () => undefined) =>
  createAssigner(onJoining)({ cluster } as never) as unknown as Assigner;
const member = (memberId: string, ...topics: string[]) => ({
  memberId,
  memberMetadata: PartitionAssigners.roundRobin({ cluster: {} }).protocol({ topics }).metadata,
});

async function assigned(assigner: Assigner, members: object[], topics: string[]) {
  const assignments = await assigner.assign({ members, topics });
  return Object.fromEntries(
    assignments.map(({ memberId, memberAssignment }) => [
      memberId,
      AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment,
    ]),
  );
}

describe('createAssigner', () => {
  test('joins under the protocol of earlier versions', () => {
    let joins = 0;
    const assigner = ours({}, () => void joins++);
    const earlier = PartitionAssigners.roundRobin({ cluster: {} });
    expect(assigner.protocol({ topics: ['a'] })).toEqual(earlier.protocol({ topics: ['a'] }));
    expect(assigner.name).toBe(earlier.name);
    expect(joins).toBe(1);
  });

  test.each([1, 2, 3, 5])('assigns one topic to %d members as earlier versions do', async (n) => {
    const cluster = clusterOf({ a: 4 });
    const members = ['m3', 'm1', 'm5', 'm2', 'm4'].slice(0, n).map((id) => member(id, 'a'));
    const earlier = PartitionAssigners.roundRobin({ cluster });
    expect(await assigned(ours(cluster), members, ['a'])).toEqual(
      await assigned(earlier, members, ['a']),
    );
  });

  test('assigns partitions only to members that read the topic', async () => {
    const cluster = clusterOf({ a: 3 }, { b: 2, c: 1 });
    const members = [member('m1', 'a'), member('m2', 'b'), member('m3', 'a', 'c')];
    expect(await assigned(ours(cluster), members, ['a'])).toEqual({
      m1: { a: [0, 2] },
      m2: { b: [0, 1] },
      m3: { a: [1], c: [0] },
    });
  });

  const refused = (type: string) => new KafkaJSProtocolError({ type, message: type, code: 1 });

  test.each(['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED'])(
    'skips a topic of other members that is refused with %s',
    async (type) => {
      const cluster = clusterOf({ a: 1 }, { b: refused(type) });
      const members = [member('m1', 'a'), member('m2', 'b')];
      expect(await assigned(ours(cluster), members, ['a'])).toEqual({ m1: { a: [0] } });
    },
  );

  test('fails with a retriable error when no broker knows the partitions of a topic', async () => {
    const cluster = clusterOf({ a: 1 }, { b: refused('LEADER_NOT_AVAILABLE') });
    const members = [member('m1', 'a'), member('m2', 'b')];
    await expect(ours(cluster).assign({ members, topics: ['a'] })).rejects.toMatchObject({
      retriable: true,
    });
  });

  test('assigns nothing to a member whose metadata can not be read', async () => {
    const members = [member('m1', 'a'), { memberId: 'm2', memberMetadata: Buffer.from('?') }];
    expect(await assigned(ours(clusterOf({ a: 2 })), members, ['a'])).toEqual({
      m1: { a: [0, 1] },
    });
  });
});

describe('groupMembers', () => {
  const adminOf = (state: string, members: object[]) =>
    ({
      describeGroups: ([groupId]: [string]) =>
        Promise.resolve({ groups: [{ groupId, state, members }] }),
    }) as unknown as Admin;
  const memberAssignment = AssignerProtocol.MemberAssignment.encode({
    version: 0,
    assignment: { a: [1, 2] },
  });

  test('returns the topics and the partitions of each member', async () => {
    const members = [
      { ...member('m1', 'a'), clientId: 'c', clientHost: '/10.0.0.1', memberAssignment },
      {
        ...member('m2', 'b'),
        clientId: 'c',
        clientHost: '/10.0.0.1',
        memberAssignment: Buffer.alloc(0),
      },
    ];
    const where = { clientId: 'c', host: '10.0.0.1' };
    expect(await groupMembers(adminOf('Stable', members), 'g')).toEqual([
      { memberId: 'm1', ...where, topics: ['a'], partitions: { a: [1, 2] } },
      { memberId: 'm2', ...where, topics: ['b'], partitions: {} },
    ]);
  });

  test('returns undefined while the group rebalances', async () => {
    expect(await groupMembers(adminOf('PreparingRebalance', []), 'g')).toBeUndefined();
  });
});
