import { emptyTotals } from '../../../src/domain/commit-metadata';
import { progressOf } from '../../../src/operations/status/status-progress';

const metadata = (delivered: number) =>
  JSON.stringify({ recent: 1, workflowId: 2, sink: 3, retries: 4, delivered });

test('the lag counts from the commit, or from the earliest record without a commit, and is never negative', () => {
  const ranges = [
    { partition: 0, low: 0, high: 100 },
    { partition: 1, low: 10, high: 30 },
    { partition: 2, low: 50, high: 60 },
    { partition: 3, low: 0, high: 5 },
    { partition: 4, low: 7, high: 9 },
  ];
  const committed = [
    { partition: 0, offset: '90', metadata: null },
    { partition: 1, offset: '-1', metadata: null },
    // Retention has removed records that were not consumed.
    { partition: 2, offset: '20', metadata: null },
    // The topic was created again.
    { partition: 3, offset: '1000', metadata: null },
  ];
  const { lag, lagByPartition } = progressOf(ranges, committed, []);
  expect(lagByPartition).toEqual({ 0: 10, 1: 20, 2: 10, 3: 0, 4: 2 });
  expect(lag).toBe(42);
});

test('totals are summed over the partitions, without metadata of other programs', () => {
  const ranges = [0, 1, 2].map((partition) => ({ partition, low: 0, high: 1 }));
  const committed = [
    { partition: 0, offset: '1', metadata: metadata(10) },
    { partition: 1, offset: '1', metadata: metadata(5) },
    { partition: 2, offset: '1', metadata: 'spark' },
  ];
  expect(progressOf(ranges, committed, []).totals).toEqual({
    ...emptyTotals(),
    recent: 2,
    workflowId: 4,
    sink: 6,
    retries: 8,
    delivered: 15,
  });
});

test("the recent ids of the group's members are summed, by the last commit of each member", () => {
  const ranges = [0, 1, 2, 3].map((partition) => ({ partition, low: 0, high: 1 }));
  const by = (partition: number, memberId: string, recentIds: number, at: number) => ({
    partition,
    offset: '1',
    metadata: JSON.stringify({ memberId, recentIds, at }),
  });
  const committed = [by(0, 'a', 10, 1), by(1, 'a', 7, 2), by(2, 'b', 5, 1), by(3, 'gone', 99, 9)];
  expect(progressOf(ranges, committed, ['a', 'b', 'new']).recentIds).toBe(12);
  expect(progressOf(ranges, committed, []).recentIds).toBe(0);
});

test('a stall is shown while the member that noted it is in the group', () => {
  const ranges = [{ partition: 0, low: 0, high: 9 }];
  const stalled = { reason: 'no_fetch', since: Date.UTC(2026, 0, 1) };
  const metadata = JSON.stringify({ memberId: 'a', recentIds: 0, at: 1, stalled });
  const committed = [{ partition: 0, offset: '5', metadata }];
  expect(progressOf(ranges, committed, ['a']).stalled).toEqual([
    {
      partition: 0,
      offset: 5,
      reason: 'no_fetch',
      since: '2026-01-01T00:00:00.000Z',
      workflowId: null,
      detail: null,
    },
  ]);
  expect(progressOf(ranges, committed, ['b']).stalled).toEqual([]);
});

test('a stall is shown with the detail that the member has noted', () => {
  const stalled = { reason: 'unreadable', since: 0, detail: 'offset 5 to 6: wrong bytes' };
  const metadata = JSON.stringify({ memberId: 'a', recentIds: 0, at: 1, stalled });
  const ends = [{ partition: 0, low: 0, high: 9 }];
  const progress = progressOf(ends, [{ partition: 0, offset: '5', metadata }], ['a']);
  expect(progress.stalled).toMatchObject([{ workflowId: null, detail: stalled.detail }]);
});
