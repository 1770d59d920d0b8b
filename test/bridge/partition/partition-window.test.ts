import fc from 'fast-check';
import { emptyTotals, parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { PartitionWindow, type WindowEntry } from '../../../src/bridge/partition/partition-window';
import { kafkaRecord } from '../../domain/support/records';

const LIMITS = { records: 1_000, bytes: 1_000_000 };

function windowOf(limits = LIMITS, counters = new PartitionCounters()) {
  return new PartitionWindow('topic', 0, limits, counters);
}

function records(...offsets: number[]) {
  return offsets.map((offset) => kafkaRecord({ offset }));
}

function offsetsOf(entries: WindowEntry[]) {
  return entries.map(({ record }) => record.offset);
}

describe('the watermark', () => {
  test('is unknown before the first batch', () => {
    expect(windowOf().watermark).toBeUndefined();
  });

  test('stays at the lowest unfinished record, and then passes all finished records', () => {
    const window = windowOf();
    const [first, second, third] = window.accept(records(10, 11, 12), 13);
    expect(window.watermark).toBe(10);
    window.finish(second!);
    window.finish(third!);
    expect(window.watermark).toBe(10);
    window.finish(first!);
    expect(window.watermark).toBe(13);
  });

  test('passes offsets without a record at the end of a batch', () => {
    const window = windowOf();
    window.accept([], 5); // markers of a transaction, or compaction
    expect(window.watermark).toBe(5);
  });
});

describe('accept', () => {
  test('returns only records that were not seen before', () => {
    const window = windowOf();
    expect(offsetsOf(window.accept(records(3, 4, 5), 6))).toEqual([3, 4, 5]);
    expect(offsetsOf(window.accept(records(4, 5, 6, 8), 9))).toEqual([6, 8]);
    expect(offsetsOf(window.accept(records(3, 4), 5))).toEqual([]);
    expect(offsetsOf(window.accept(records(9), 10))).toEqual([9]);
  });

  test('does not return a finished record again', () => {
    const window = windowOf();
    const [entry] = window.accept(records(3), 4);
    window.finish(entry!);
    expect(window.accept(records(3), 4)).toEqual([]);
    expect(window.watermark).toBe(4);
  });
});

test('a record that is finished twice is counted once', () => {
  const window = windowOf({ records: 10, bytes: 60 });
  const [first, second] = window.accept(records(1, 2, 3, 4, 5, 6), 7);
  window.finish(first!, 'recent');
  window.finish(first!, 'recent');
  expect(window.size).toBe(5);
  window.finish(second!);
  window.settleSkipped(window.watermark!);
  window.counters.load(parseCommitMetadata(null));
  expect(parseCommitMetadata(window.counters.toMetadata()).totals.recent).toBe(1);
});

describe('a window with limits', () => {
  test('is full at its limit of records, and can resume at half of that limit', () => {
    const window = windowOf({ records: 4, bytes: 1_000_000 });
    const entries = window.accept(records(0, 1, 2), 3);
    expect(window.full).toBe(false);
    entries.push(...window.accept(records(3), 4));
    expect(window.full).toBe(true);
    window.finish(entries[3]!);
    expect([window.full, window.canResume]).toEqual([false, false]);
    window.finish(entries[2]!);
    expect(window.canResume).toBe(true);
  });

  test('is full at its limit of bytes in keys and values, and can resume at half of that limit', () => {
    const window = windowOf({ records: 1_000, bytes: 100 });
    const large = kafkaRecord({ offset: 0, key: Buffer.alloc(40), value: Buffer.alloc(20) });
    const [first] = window.accept([large], 1);
    expect([window.full, window.canResume]).toEqual([false, false]);
    const [second] = window.accept([{ ...large, offset: 1 }], 2);
    expect(window.full).toBe(true);
    window.finish(first!);
    expect([window.full, window.canResume]).toEqual([false, false]);
    window.finish(second!);
    expect(window.canResume).toBe(true);
  });

  test('counts the bytes of headers for its limit of bytes', () => {
    const window = windowOf({ records: 1_000, bytes: 100 });
    const record = { ...kafkaRecord({ offset: 0, value: Buffer.alloc(20) }), headerBytes: 80 };
    const [first] = window.accept([record], 1);
    expect(window.full).toBe(true);
    window.finish(first!);
    expect(window.canResume).toBe(true);
  });

  test('is full with one record above its limit, and can resume when that record is finished', () => {
    const window = windowOf({ records: 1, bytes: 10 });
    const [entry] = window.accept([kafkaRecord({ value: Buffer.alloc(11) })], 8);
    expect([window.full, window.canResume]).toEqual([true, false]);
    window.finish(entry!);
    expect([window.full, window.canResume]).toEqual([false, true]);
  });
});

test('a skipped duplicate is counted once its offset is below the watermark', () => {
  const window = windowOf();
  const [first, second, third] = window.accept(records(0, 1, 2), 3);
  window.counters.load(parseCommitMetadata(null));
  const totals = () => {
    window.settleSkipped(window.watermark!);
    return parseCommitMetadata(window.counters.toMetadata()).totals;
  };
  window.finish(second!, 'recent');
  window.finish(third!, 'workflowId');
  expect(totals()).toEqual(emptyTotals());
  window.finish(first!);
  expect(totals()).toEqual({ ...emptyTotals(), recent: 1, workflowId: 1 });
  expect(totals()).toEqual({ ...emptyTotals(), recent: 1, workflowId: 1 });
});

/** What can happen to a window: the consumer fetches, records end, offsets are committed. */
type Step =
  | { do: 'fetch'; records: number; empty: number }
  | { do: 'finish'; which: number; skippedBy: 'recent' | 'workflowId' | undefined }
  | { do: 'rejoin'; behind: number }
  | { do: 'commit' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fetch' as const),
      records: fc.nat(6),
      empty: fc.nat(3),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which: fc.nat(),
      skippedBy: fc.constantFrom(undefined, 'recent' as const, 'workflowId' as const),
    }),
  },
  // After a rebalance Kafka begins at the last commit, which may be older than the watermark.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rejoin' as const), behind: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'commit' as const }) },
);

/** Records of a partition, with any gaps between their offsets and any sizes. */
const log = fc
  .array(fc.record({ gap: fc.nat(3), bytes: fc.nat(30) }), { minLength: 1, maxLength: 60 })
  .map((items) => {
    let offset = 100;
    return items.map(({ gap, bytes }) => {
      offset += gap + 1;
      return kafkaRecord({ offset, value: Buffer.alloc(bytes) });
    });
  });

test('a window agrees with a model whatever is fetched, finished and fetched again, in any order', () => {
  const limits = { records: 8, bytes: 150 };
  fc.assert(
    fc.property(log, fc.array(step, { maxLength: 120 }), (all, steps) => {
      const window = windowOf(limits);
      window.counters.load(parseCommitMetadata(null));
      const unfinished = new Map<number, WindowEntry>();
      const accepted = new Set<number>();
      const skipped: { offset: number; layer: 'recent' | 'workflowId' }[] = [];
      let position = all[0]!.offset;
      let end: number | undefined;
      let before = -Infinity;
      let committed = position;

      const finish = (offset: number, layer?: 'recent' | 'workflowId') => {
        window.finish(unfinished.get(offset)!, layer);
        unfinished.delete(offset);
        if (layer) skipped.push({ offset, layer });
      };
      const commit = () => {
        if (window.watermark === undefined) return;
        committed = window.watermark;
        window.settleSkipped(committed);
        const counted = skipped.filter(({ offset }) => offset < committed);
        const count = (name: string) => counted.filter(({ layer }) => layer === name).length;
        expect(parseCommitMetadata(window.counters.toMetadata()).totals).toEqual({
          ...emptyTotals(),
          recent: count('recent'),
          workflowId: count('workflowId'),
        });
      };
      const check = () => {
        const open = [...unfinished.keys()];
        const bytes = [...unfinished.values()].reduce((sum, entry) => sum + entry.bytes, 0);
        expect(window.watermark).toBe(open.length > 0 ? Math.min(...open) : end);
        if (window.watermark !== undefined) {
          expect(window.watermark).toBeGreaterThanOrEqual(before);
          before = window.watermark;
        }
        expect(window.size).toBe(open.length);
        expect(window.full).toBe(open.length >= limits.records || bytes >= limits.bytes);
        expect(window.canResume).toBe(
          open.length <= limits.records / 2 && bytes <= limits.bytes / 2,
        );
      };

      for (const one of steps) {
        if (one.do === 'fetch') {
          const rest = all.filter(({ offset }) => offset >= position);
          const batch = rest.slice(0, one.records);
          const next = rest[one.records]?.offset ?? Infinity;
          const last = batch.at(-1)?.offset ?? position - 1;
          const batchEnd = Math.min(last + 1 + one.empty, next);
          const entries = window.accept(batch, batchEnd);
          const fresh = batch.filter(({ offset }) => !accepted.has(offset));
          expect(entries.map(({ record }) => record)).toEqual(fresh);
          for (const entry of entries) {
            unfinished.set(entry.record.offset, entry);
            accepted.add(entry.record.offset);
          }
          position = batchEnd;
          end = Math.max(end ?? 0, batchEnd);
        } else if (one.do === 'finish') {
          const open = [...unfinished.keys()];
          if (open.length > 0) finish(open[one.which % open.length]!, one.skippedBy);
        } else if (one.do === 'rejoin') {
          position = Math.min(position, Math.max(committed - one.behind, all[0]!.offset));
        } else {
          commit();
        }
        check();
      }
      for (const offset of [...unfinished.keys()].reverse()) finish(offset, 'recent');
      check();
      expect(window.watermark).toBe(end);
      commit();
    }),
    { numRuns: 300 },
  );
});

describe('the position of a group', () => {
  test('is unknown before the first fetch', () => {
    expect(windowOf().standsAt).toBeUndefined();
  });

  test('is the offset where the first fetch began, whether or not that fetch could be read', () => {
    const window = windowOf();
    window.begin(7);
    expect(window).toMatchObject({ standsAt: 7, floor: 7, watermark: undefined });
    window.accept(records(7, 8), 9, 7);
    window.begin(9);
    expect(window).toMatchObject({ standsAt: 7, beginning: 7, floor: 9 });
  });

  test('moves on while nothing is read, because retention may delete records', () => {
    const window = windowOf();
    window.begin(7);
    window.accept(records(12), 13, 10);
    expect(window.standsAt).toBe(10);
  });

  test('is its commit if there is one, until retention deletes that offset', () => {
    const window = windowOf();
    window.initialOffset = 5;
    window.begin(5);
    expect(window.standsAt).toBe(5);
    // Retention has deleted the records between 5 and 7.
    window.begin(7);
    expect(window.standsAt).toBe(7);
  });
});

describe('in the chunk lane', () => {
  const chunked = () =>
    new PartitionWindow('topic', 0, { records: 2, bytes: 1e6 }, new PartitionCounters(), 'chunk');

  test('the end of a chunk is committed once all offsets of the chunk are fetched', () => {
    const window = chunked();
    window.accept(records(0, 1), 2);
    expect(window.watermark).toBeUndefined();
    window.advanceTo(0);
    expect(window.watermark).toBe(0);
    window.advanceTo(4);
    expect(window.watermark).toBe(0);
    window.accept(records(2, 3), 4);
    expect(window.watermark).toBe(4);
  });

  test('a commit at the start of the group names no earlier start of a chunk', () => {
    const window = chunked();
    window.begin(7);
    expect(window.chainEndBelow(window.standsAt!)).toBeUndefined();
    window.accept([], 10, 7);
    expect(window.watermark).toBe(10);
    expect(window.chainEndBelow(10)).toBe(7);
  });

  test('a commit does not go back when a met chunk ends beyond what was fetched', () => {
    const window = chunked();
    // The group has committed a marker at 17, which belongs to no chunk: the next chunk begins at it.
    Object.assign(window, { initialOffset: 18, initialChainEnd: 17 });
    const [entry] = window.accept(records(18), 19, 18);
    window.advanceTo(17);
    // Another owner has started the chunk from 17 to 19.
    window.advanceTo(20);
    window.finish(entry!, 'workflowId');
    expect(window.watermark).toBe(18);
    expect(window.chainEndBelow(18)).toBe(17);
    window.accept(records(19), 20);
    expect(window.watermark).toBe(20);
    expect(window.chainEndBelow(20)).toBeUndefined();
  });

  test('a commit does not go back after a join', () => {
    const window = chunked();
    window.initialOffset = 10;
    window.accept([], 20, 10);
    window.advanceTo(11);
    expect(window.watermark).toBe(20);
    window.committed = 20;
    window.accept(records(20), 21);
    expect([window.watermark, window.chainEndBelow(20)]).toEqual([20, 11]);
    window.rejoin();
    expect([window.watermark, window.chainEndBelow(20)]).toEqual([20, 11]);
  });

  test('offsets without records behind the last chunk do not fill the window', () => {
    const window = chunked();
    const [entry] = window.accept(records(0), 1_000);
    window.advanceTo(0);
    expect(window.full).toBe(true);
    window.advanceTo(1);
    window.finish(entry!);
    expect(window).toMatchObject({ full: false, canResume: true });
  });
});
