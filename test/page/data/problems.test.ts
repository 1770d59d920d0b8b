import type { StatusCounts } from '../../../src/operations/letter-index/letter-groups';
import type { StreamStatus } from '../../../src/operations/status/status';
import { problemsOf } from '../../../src/page/data/problems';

const SINCE = '2026-01-01T00:00:00.000Z';
const WELL = {
  ...{ name: 's', topic: 't', groupId: 'g', lag: 0, lagByPartition: { 0: 0 } },
  consumers: { settled: true, members: [{ clientId: 'c', host: 'h', partitions: [0] }] },
  ...{ stalled: [], paused: null, braked: null, held: [] },
  slow: { count: 0, since: null, lookedAt: 0, retrying: null, stuck: null },
};
const NONE_OPEN = { open: 0, held: 0, replayed: 1, delivered: 1, superseded: 1, discarded: 1 };

const problems = (given: object, letters: StatusCounts | null = NONE_OPEN) =>
  problemsOf({ ...WELL, ...given } as unknown as StreamStatus, letters, SINCE);

test('a stream that is well has no problem', () => {
  expect(problems({})).toEqual([]);
});

test.each([
  ['noTopic', { lagByPartition: {}, consumers: { members: [] } }, 'topics create --stream s'],
  ['noConsumers', { consumers: { members: [] } }, 'bridge start --stream s'],
  ['paused', { paused: { since: SINCE, by: 'ada', reason: null } }, 'resume --stream s'],
  [
    'braked',
    { braked: { since: SINCE, deadLetters: 50, share: 0.5, reason: 'Permanent' } },
    'resume --stream s',
  ],
  [
    'stalled',
    {
      stalled: [{ partition: 0, offset: 7, reason: 'unreadable', since: SINCE, workflowId: null }],
    },
    'skip-batch --stream s --at t/0@7 --dry-run',
  ],
  ['held', { held: [{ topic: 't', partition: 0, keys: 2, heads: [7] }] }, 'dlq replay --stream s'],
])('a stream with %s has this problem alone, with the command for it', (kind, given, command) => {
  expect(problems(given)).toEqual([
    expect.objectContaining({ kind, stream: 's', command: `cloudsync ${command}` }),
  ]);
});

test('open dead letters are a problem, with the command for it', () => {
  expect(problems({}, { ...NONE_OPEN, open: 1 })).toMatchObject([
    { kind: 'deadLetters', stream: 's', since: SINCE, command: 'cloudsync dlq replay --stream s' },
  ]);
});

test('the count of dead letters is no problem while it is not known', () => {
  expect(problems({}, null)).toEqual([]);
});
