import { MAX_CLIENT_ID_BYTES } from '../../../src/kafka/client-id';
import fc from 'fast-check';
import {
  emptyTotals,
  Ledger,
  LEDGER_FIELDS,
  parseLedger,
  parseRecentIds,
  type LedgerTotals,
} from '../../../src/bridge/partition/ledger';

const totals: fc.Arbitrary<LedgerTotals> = fc.record(
  Object.fromEntries(LEDGER_FIELDS.map((field) => [field, fc.nat()])) as Record<
    keyof LedgerTotals,
    fc.Arbitrary<number>
  >,
);

test('counts on from what earlier owners committed', () => {
  fc.assert(
    fc.property(totals, fc.array(fc.constantFrom(...LEDGER_FIELDS)), (base, added) => {
      const ledger = new Ledger();
      const expected = { ...base };
      const half = Math.floor(added.length / 2);
      // What happens before the last commit is known counts as well.
      for (const field of added.slice(0, half)) ledger.add(field);
      ledger.load(JSON.stringify(base));
      for (const field of added.slice(half)) ledger.add(field);
      for (const field of added) expected[field]++;
      expect(parseLedger(ledger.toMetadata())).toEqual(expected);
    }),
  );
});

test('versions before and after the total of filtered records read each other', () => {
  const olderFields = LEDGER_FIELDS.filter((field) => field !== 'filtered');
  const older = JSON.stringify(Object.fromEntries(olderFields.map((field) => [field, 3])));
  const ledger = new Ledger();
  ledger.load(older);
  ledger.add('filtered', 2);
  const newer = ledger.toMetadata();
  expect(parseLedger(newer)).toMatchObject({ delivered: 3, filtered: 2 });
  // As an older version reads it: by the names it knows.
  const read = JSON.parse(newer) as Record<string, unknown>;
  expect(olderFields.map((field) => read[field])).toEqual(olderFields.map(() => 3));
});

test('metadata stays below what a broker takes', () => {
  const ledger = new Ledger();
  const largest = Object.fromEntries(LEDGER_FIELDS.map((field) => [field, 2 ** 53 - 2]));
  ledger.load(JSON.stringify(largest));
  for (const field of LEDGER_FIELDS) ledger.add(field);
  const memberId = `${'m'.repeat(MAX_CLIENT_ID_BYTES)}-00000000-0000-0000-0000-000000000000`;
  const by = { memberId, recentIds: 2 ** 24, at: 2 ** 42 };
  expect(ledger.toMetadata(by).length).toBeLessThan(1_000);
  while (ledger.tails.set(`key ${ledger.tails.list.length}`, '\u0001'.repeat(30)));
  const stalled = { reason: 'temporal_backoff', since: 2 ** 42, workflowId: 'x'.repeat(298) };
  const epochs = [1, 2, 3].map((i) => [2 ** 53 - i, 2 ** 31 - i]);
  const log = { id: 'i'.repeat(22), epochs };
  expect(Buffer.byteLength(ledger.toMetadata({ ...by, log, stalled }))).toBeLessThan(4_096);
});

test('tells which member committed, and what it remembered then', () => {
  const ledger = new Ledger();
  ledger.load(null);
  ledger.add('sink');
  const metadata = ledger.toMetadata({ memberId: 'm1', recentIds: 5, at: 17 });
  expect(parseRecentIds(metadata)).toEqual({ memberId: 'm1', recentIds: 5, at: 17 });
  expect(parseLedger(metadata)).toEqual({ ...emptyTotals(), sink: 1 });
  // The next owner counts on, and is another member.
  const next = new Ledger();
  next.load(metadata);
  expect(parseRecentIds(next.toMetadata())).toBeUndefined();
  expect(parseRecentIds('{"memberId":5}')).toBeUndefined();
  expect(parseRecentIds('spark')).toBeUndefined();
});

test('is loaded once the last commit was read, also where there was none', () => {
  const ledger = new Ledger();
  expect(ledger.loaded).toBe(false);
  ledger.load(undefined);
  expect(ledger.loaded).toBe(true);
  expect(parseLedger(ledger.toMetadata())).toEqual(emptyTotals());
});

test('is changed from an addition to the commit that carries it', () => {
  const ledger = new Ledger();
  ledger.load(null);
  expect(ledger.changed).toBe(false);
  ledger.add('recent');
  expect(ledger.changed).toBe(true);
  ledger.toMetadata();
  expect(ledger.changed).toBe(false);
  ledger.commitFailed();
  expect(ledger.changed).toBe(true);
  ledger.toMetadata();
  ledger.add('sink'); // while the commit is under way
  expect(ledger.changed).toBe(true);
});

describe('metadata of other programs', () => {
  test.each([
    null,
    undefined,
    '',
    'consumer-1',
    '{',
    '{}',
    '[]',
    'null',
    '{"recent":"5"}',
    '{"recent":-5}',
    '{"recent":1.5}',
    '{"recent":1e300}',
    '{"recent":9007199254740993}',
    '{"recent":null,"sink":{}}',
    '{"__proto__":{"recent":5}}',
  ])('%j counts as nothing', (metadata) => {
    expect(parseLedger(metadata)).toEqual(emptyTotals());
  });

  test('what is usable is taken', () => {
    expect(parseLedger('{"recent":5,"sink":"x","more":7}')).toEqual({
      ...emptyTotals(),
      recent: 5,
    });
  });

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `{${text}`),
        ),
        (text) => {
          for (const value of Object.values(parseLedger(text))) {
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          }
        },
      ),
    );
  });
});

test('what was not committed counts with the heir, and so does what comes after', () => {
  const old = new Ledger();
  old.load(null);
  old.add('delivered', 3);
  old.toMetadata();
  old.committed();
  old.add('delivered', 2);
  old.toMetadata();
  old.commitFailed();
  const homeless = new Ledger();
  old.leaveTo(homeless);
  old.add('sink');
  const next = new Ledger();
  next.load(JSON.stringify({ ...emptyTotals(), delivered: 10 }));
  homeless.drainTo(next);
  homeless.drainTo(next);
  old.add('retries');
  homeless.drainTo(next);
  expect(next.changed).toBe(true);
  expect(parseLedger(next.toMetadata())).toEqual({
    ...emptyTotals(),
    ...{ delivered: 12, sink: 1, retries: 1 },
  });
});
