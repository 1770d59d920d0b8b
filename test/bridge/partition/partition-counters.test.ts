import { MAX_CLIENT_ID_BYTES } from '../../../src/kafka/client-id';
import fc from 'fast-check';
import {
  emptyTotals,
  COUNTERS,
  parseCommitMetadata,
  type CommittedEpoch,
  type CounterTotals,
} from '../../../src/domain/commit-metadata';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';

const totals: fc.Arbitrary<CounterTotals> = fc.record(
  Object.fromEntries(COUNTERS.map((field) => [field, fc.nat()])) as Record<
    keyof CounterTotals,
    fc.Arbitrary<number>
  >,
);

test('counters go on from the totals that earlier owners committed', () => {
  fc.assert(
    fc.property(totals, fc.array(fc.constantFrom(...COUNTERS)), (base, added) => {
      const counters = new PartitionCounters();
      const expected = { ...base };
      const half = Math.floor(added.length / 2);
      // Additions before the last commit is known count as well.
      for (const field of added.slice(0, half)) counters.add(field);
      counters.load(parseCommitMetadata(JSON.stringify(base)));
      for (const field of added.slice(half)) counters.add(field);
      for (const field of added) expected[field]++;
      expect(parseCommitMetadata(counters.toMetadata()).totals).toEqual(expected);
    }),
  );
});

test('versions with and without the total of filtered records read the metadata of each other', () => {
  const olderFields = COUNTERS.filter((field) => field !== 'filtered');
  const older = JSON.stringify(Object.fromEntries(olderFields.map((field) => [field, 3])));
  const counters = new PartitionCounters();
  counters.load(parseCommitMetadata(older));
  counters.add('filtered', 2);
  const newer = counters.toMetadata();
  expect(parseCommitMetadata(newer).totals).toMatchObject({ delivered: 3, filtered: 2 });
  // An older version reads the fields whose names it knows.
  const read = JSON.parse(newer) as Record<string, unknown>;
  expect(olderFields.map((field) => read[field])).toEqual(olderFields.map(() => 3));
});

test('metadata stays below the size that a broker accepts', () => {
  const counters = new PartitionCounters();
  const largest = Object.fromEntries(COUNTERS.map((field) => [field, 2 ** 53 - 2]));
  counters.load(parseCommitMetadata(JSON.stringify(largest)));
  for (const field of COUNTERS) counters.add(field);
  const memberId = `${'m'.repeat(MAX_CLIENT_ID_BYTES)}-00000000-0000-0000-0000-000000000000`;
  const member = { memberId, recentIds: 2 ** 24, at: 2 ** 42 };
  expect(counters.toMetadata({ member }).length).toBeLessThan(1_000);
  while (
    counters.predecessors.set(`key ${counters.predecessors.list.length}`, '\u0001'.repeat(30))
  );
  const stall = {
    reason: 'temporal_backoff' as const,
    since: 2 ** 42,
    workflowId: 'x'.repeat(298),
  };
  const epochs = [1, 2, 3].map((i): CommittedEpoch => [2 ** 53 - i, 2 ** 31 - i]);
  const log = { id: 'i'.repeat(22), epochs };
  expect(Buffer.byteLength(counters.toMetadata({ member, log, stall }))).toBeLessThan(4_096);
});

test('metadata says which member committed, and how many message ids it remembered', () => {
  const counters = new PartitionCounters();
  counters.load(parseCommitMetadata(null));
  counters.add('sink');
  const metadata = counters.toMetadata({ member: { memberId: 'm1', recentIds: 5, at: 17 } });
  expect(parseCommitMetadata(metadata).member).toEqual({ memberId: 'm1', recentIds: 5, at: 17 });
  expect(parseCommitMetadata(metadata).totals).toEqual({ ...emptyTotals(), sink: 1 });
  // The next owner counts on, but it is another member.
  const next = new PartitionCounters();
  next.load(parseCommitMetadata(metadata));
  expect(parseCommitMetadata(next.toMetadata()).member).toBeUndefined();
  expect(parseCommitMetadata('{"memberId":5}').member).toBeUndefined();
  expect(parseCommitMetadata('spark').member).toBeUndefined();
});

test('counters are loaded once the last commit was read, even if there was none', () => {
  const counters = new PartitionCounters();
  expect(counters.loaded).toBe(false);
  counters.load(parseCommitMetadata(undefined));
  expect(counters.loaded).toBe(true);
  expect(parseCommitMetadata(counters.toMetadata()).totals).toEqual(emptyTotals());
});

test('counters are changed from an addition until its commit, and again if the commit fails', () => {
  const counters = new PartitionCounters();
  counters.load(parseCommitMetadata(null));
  expect(counters.changed).toBe(false);
  counters.add('recent');
  expect(counters.changed).toBe(true);
  counters.toMetadata();
  expect(counters.changed).toBe(false);
  counters.commitFailed();
  expect(counters.changed).toBe(true);
  counters.toMetadata();
  counters.add('sink'); // while the commit is under way
  expect(counters.changed).toBe(true);
});

test('uncommitted and later counts of a lost partition are added once to its next counters', () => {
  const old = new PartitionCounters();
  old.load(parseCommitMetadata(null));
  old.add('delivered', 3);
  old.toMetadata();
  old.committed();
  old.add('delivered', 2);
  old.toMetadata();
  old.commitFailed();
  const homeless = new PartitionCounters();
  old.leaveTo(homeless);
  old.add('sink');
  const next = new PartitionCounters();
  next.load(parseCommitMetadata(JSON.stringify({ ...emptyTotals(), delivered: 10 })));
  homeless.drainTo(next);
  homeless.drainTo(next);
  old.add('retries');
  homeless.drainTo(next);
  expect(next.changed).toBe(true);
  expect(parseCommitMetadata(next.toMetadata()).totals).toEqual({
    ...emptyTotals(),
    ...{ delivered: 12, sink: 1, retries: 1 },
  });
});
