import { MAX_CLIENT_ID_BYTES } from '../../../src/kafka/client-id';
import fc from 'fast-check';
import {
  emptyTotals,
  COUNTERS,
  parseTotals,
  parseRecentIds,
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
      counters.load(JSON.stringify(base));
      for (const field of added.slice(half)) counters.add(field);
      for (const field of added) expected[field]++;
      expect(parseTotals(counters.toMetadata())).toEqual(expected);
    }),
  );
});

test('versions with and without the total of filtered records read the metadata of each other', () => {
  const olderFields = COUNTERS.filter((field) => field !== 'filtered');
  const older = JSON.stringify(Object.fromEntries(olderFields.map((field) => [field, 3])));
  const counters = new PartitionCounters();
  counters.load(older);
  counters.add('filtered', 2);
  const newer = counters.toMetadata();
  expect(parseTotals(newer)).toMatchObject({ delivered: 3, filtered: 2 });
  // An older version reads the fields whose names it knows.
  const read = JSON.parse(newer) as Record<string, unknown>;
  expect(olderFields.map((field) => read[field])).toEqual(olderFields.map(() => 3));
});

test('metadata stays below the size that a broker accepts', () => {
  const counters = new PartitionCounters();
  const largest = Object.fromEntries(COUNTERS.map((field) => [field, 2 ** 53 - 2]));
  counters.load(JSON.stringify(largest));
  for (const field of COUNTERS) counters.add(field);
  const memberId = `${'m'.repeat(MAX_CLIENT_ID_BYTES)}-00000000-0000-0000-0000-000000000000`;
  const by = { memberId, recentIds: 2 ** 24, at: 2 ** 42 };
  expect(counters.toMetadata(by).length).toBeLessThan(1_000);
  while (
    counters.predecessors.set(`key ${counters.predecessors.list.length}`, '\u0001'.repeat(30))
  );
  const stalled = { reason: 'temporal_backoff', since: 2 ** 42, workflowId: 'x'.repeat(298) };
  const epochs = [1, 2, 3].map((i) => [2 ** 53 - i, 2 ** 31 - i]);
  const log = { id: 'i'.repeat(22), epochs };
  expect(Buffer.byteLength(counters.toMetadata({ ...by, log, stalled }))).toBeLessThan(4_096);
});

test('metadata says which member committed, and how many message ids it remembered', () => {
  const counters = new PartitionCounters();
  counters.load(null);
  counters.add('sink');
  const metadata = counters.toMetadata({ memberId: 'm1', recentIds: 5, at: 17 });
  expect(parseRecentIds(metadata)).toEqual({ memberId: 'm1', recentIds: 5, at: 17 });
  expect(parseTotals(metadata)).toEqual({ ...emptyTotals(), sink: 1 });
  // The next owner counts on, but it is another member.
  const next = new PartitionCounters();
  next.load(metadata);
  expect(parseRecentIds(next.toMetadata())).toBeUndefined();
  expect(parseRecentIds('{"memberId":5}')).toBeUndefined();
  expect(parseRecentIds('spark')).toBeUndefined();
});

test('counters are loaded once the last commit was read, even if there was none', () => {
  const counters = new PartitionCounters();
  expect(counters.loaded).toBe(false);
  counters.load(undefined);
  expect(counters.loaded).toBe(true);
  expect(parseTotals(counters.toMetadata())).toEqual(emptyTotals());
});

test('counters are changed from an addition until its commit, and again if the commit fails', () => {
  const counters = new PartitionCounters();
  counters.load(null);
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
  old.load(null);
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
  next.load(JSON.stringify({ ...emptyTotals(), delivered: 10 }));
  homeless.drainTo(next);
  homeless.drainTo(next);
  old.add('retries');
  homeless.drainTo(next);
  expect(next.changed).toBe(true);
  expect(parseTotals(next.toMetadata())).toEqual({
    ...emptyTotals(),
    ...{ delivered: 12, sink: 1, retries: 1 },
  });
});
