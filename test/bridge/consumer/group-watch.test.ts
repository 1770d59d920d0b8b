import { unreadPartitions } from '../../../src/bridge/consumer/group-watch';

const stream = { topic: 'a', groupId: 'g' };
const member = (topics: string[], partitions: Record<string, number[]>) => ({
  ...{ memberId: 'm', clientId: 'c', host: '127.0.0.1', topics, partitions },
});

describe('unreadPartitions', () => {
  test('finds no partition when each has a member that reads the topic', () => {
    const members = [member(['a'], { a: [0, 2] }), member(['a'], { a: [1] }), member(['b'], {})];
    expect(unreadPartitions(stream, [0, 1, 2], members)).toBeUndefined();
  });

  test('finds the partitions of members that do not read the topic', () => {
    const members = [member(['a'], { a: [1] }), member(['b'], { a: [10, 2, 0], b: [0] })];
    expect(unreadPartitions(stream, [0, 1, 2, 10], members)).toEqual({
      message:
        'partitions 0, 2, 10 of a are read by no member of consumer group g, which reads b too: give each stream a groupId of its own',
      shared: true,
    });
  });

  test('says that new partitions are taken within a minute', () => {
    const found = unreadPartitions(stream, [0, 1], [member(['a'], { a: [0] })]);
    expect(found).toMatchObject({ shared: false });
    expect(found!.message).toContain('new partitions are taken within a minute');
  });
});
