import fc from 'fast-check';
import { LetterStates, LETTER_STATUSES } from '../../../src/operations/dead-letters/letter-states';
import type {
  Disposition,
  ProgressEntry,
  RunAgainEntry,
} from '../../../src/operations/dead-letters/state-entries';
import { IdentityTable } from '../../../src/operations/letter-index/identity-table';
import { groupIdOf, shapeOf } from '../../../src/operations/dead-letters/group-id';
import {
  LetterIndex,
  type IndexFilters,
  type NewLetter,
} from '../../../src/operations/letter-index/letter-index';
import { superseded } from '../../../src/operations/replay/replay-letters';
import { sentBackHeaders } from '../../../src/domain/workflow/dead-letter';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { letterIn, letterRecord } from '../support/letters';

const stream = { name: 'test', topic: 'topic', deadLetterTopic: 'dead' };

function indexOf(
  letters: KafkaRecord[],
  entries: (Disposition | ProgressEntry | RunAgainEntry)[] = [],
): LetterIndex {
  const index = new LetterIndex(stream);
  letters.forEach((letter) => index.addLetter(letter));
  entries.forEach((entry) => index.addEntry(entry));
  return index;
}

const list = (index: LetterIndex, filters: IndexFilters = {}, before = Infinity) => [
  ...index.list(filters, new Map([[0, before]])),
];

const statusesOf = (index: LetterIndex) =>
  list(index)
    .map(({ offset, status }) => `${offset} ${status}`)
    .reverse();

const day = (n: number) => new Date(Date.UTC(2026, 0, 1 + n)).toISOString();
const at = '2026-02-01T00:00:00.000Z';
const discarded = { status: 'discarded', by: 'me@here', reason: null } as const;

test('a list has the newest letters first, and goes on behind the page before', () => {
  const letters = [0, 1, 2, 3, 4].map((n) =>
    letterRecord({ at: n, record: { offset: n }, failedAt: day(n) }),
  );
  const index = indexOf(letters);
  expect(list(index).map(({ offset }) => offset)).toEqual([4, 3, 2, 1, 0]);
  // A letter that comes meanwhile does not move the pages.
  index.addLetter(letterRecord({ at: 5, record: { offset: 5 }, failedAt: day(5) }));
  expect(list(index, {}, 3).map(({ offset }) => offset)).toEqual([2, 1, 0]);
  expect(list(index, { since: Date.parse(day(3)) })).toHaveLength(3);
  expect(list(index, { until: Date.parse(day(3)) })).toHaveLength(4);
});

test('letters with one cause are one group, whatever the ids in their messages are', () => {
  const withMessage = (n: number, message: string) => {
    const record = letterRecord({ at: n, record: { offset: n }, failedAt: day(n) });
    const headers = record.headers.filter(([name]) => name !== 'cloudsync-error-message');
    return { ...record, headers: [...headers, ['cloudsync-error-message', Buffer.from(message)]] };
  };
  const index = indexOf([
    withMessage(0, 'order 17 of "Ann" is gone') as KafkaRecord,
    withMessage(1, 'order 4711 of "Bob" is gone') as KafkaRecord,
    withMessage(2, 'no rights') as KafkaRecord,
  ]);
  expect(index.groups).toMatchObject([
    {
      ...{ errorType: 'Permanent', example: 'order 17 of "Ann" is gone', counts: { open: 2 } },
      ...{ firstAt: Date.parse(day(0)), lastAt: Date.parse(day(1)) },
    },
    { example: 'no rights', counts: { open: 1 } },
  ]);
  const groups = [groupIdOf('Permanent', 'no rights')];
  expect(index.groups[1]!.id).toBe(groups[0]);
  expect(list(index, { groups })).toMatchObject([{ offset: 2 }]);
  expect(list(index, { groups: ['of another stream'] })).toEqual([]);
  expect(shapeOf('at 0x1f, id 5b2c9a7e-1111-4222-8333-444455556666')).toBe('at #x#, id #');
});

test('entries of replays and people change status and counts, the last one counts', () => {
  const letters = [0, 1, 2, 3].map((n) => letterRecord({ at: n, record: { offset: n } }));
  const of = (n: number) => ({ letter: `dead/0@${n}`, runId: `run-${n}`, at });
  const sent = { topic: 'topic', partition: 0, offset: 9 };
  const progress = { kind: 'progress', replay: 'r' } as const;
  const index = indexOf(letters, [
    { ...progress, ...of(0), sent },
    { ...progress, ...of(1), sent, ended: 'delivered' },
    { ...progress, ...of(2), sent, ended: 'deadAgain' },
    { kind: 'disposition', ...of(3), status: 'discarded', by: 'me@here', reason: null },
    // Of a letter that lay here before the topic was made anew, and of one that is nowhere.
    { ...progress, ...of(3), runId: 'other', sent, ended: 'delivered' },
    { ...progress, ...of(7), sent },
  ]);
  expect(statusesOf(index)).toEqual(['0 replayed', '1 delivered', '2 superseded', '3 discarded']);
  expect(index.counts).toMatchObject({
    ...{ open: 0, replayed: 1, delivered: 1, superseded: 1, discarded: 1 },
  });
  index.addEntry({ kind: 'disposition', ...of(3), status: 'open', by: 'me@here', reason: null });
  // Of an earlier time.
  index.addEntry({ ...progress, ...of(1), at: day(0), sent, ended: 'deadAgain' });
  expect(statusesOf(index)).toEqual(['0 replayed', '1 delivered', '2 superseded', '3 open']);
});

test('letters of another stream of a shared topic do not count, and a repeated letter counts once', () => {
  const other = letterRecord({ at: 1 });
  other.headers = [...other.headers, ['cloudsync-stream', Buffer.from('other')]];
  const again = { workflowId: 'w', runId: 'same' };
  const index = indexOf([
    letterRecord({ at: 0, ...again }),
    other,
    letterRecord({ at: 2, ...again }),
  ]);
  expect(statusesOf(index)).toEqual(['0 open']);
});

/** Letters of few workflows, records and contents, so that many replace others. */
const topics = fc
  .array(
    fc.record({
      workflow: fc.integer({ min: 0, max: 3 }),
      source: fc.integer({ min: 0, max: 3 }),
      content: fc.integer({ min: 0, max: 1 }),
      replayOf: fc.option(fc.integer({ min: 0, max: 10 })),
    }),
    { maxLength: 12 },
  )
  .map((rows) =>
    rows.map(({ workflow, source, content, replayOf }, n) =>
      letterRecord({
        ...{ at: n, workflowId: `w${workflow}`, failedAt: day(n) },
        record: {
          offset: source,
          value: Buffer.from(`{"id":"${content}"}`),
          headers:
            replayOf === null
              ? []
              : sentBackHeaders({ topic: 'dead', partition: 0, offset: replayOf }, 1),
        },
      }),
    ),
  );

test('the index replaces the same letters as a replay does', () => {
  fc.assert(
    fc.property(topics, (records) => {
      const letters = records.map((record) => letterIn(record));
      const replaced = superseded(letters);
      const states = new LetterStates();
      expect(statusesOf(indexOf(records))).toEqual(
        letters.map(
          (letter) =>
            `${letter.deadLetter.offset} ${states.statusOf(letter, replaced.has(letter))}`,
        ),
      );
    }),
    { numRuns: 500 },
  );
});

test('the counts are those of the list, whatever happens to the letters', () => {
  const entries = fc.array(
    fc.record({
      offset: fc.integer({ min: 0, max: 12 }),
      what: fc.constantFrom('sent', 'delivered', 'deadAgain', 'discarded', 'open'),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(topics, entries, (records, done) => {
      const index = indexOf(records);
      done.forEach(({ offset, what }, n) => {
        const of = { letter: `dead/0@${offset}`, runId: `run-${offset}`, at: day(20 + n) };
        if (what === 'discarded' || what === 'open') {
          index.addEntry({ kind: 'disposition', ...of, status: what, by: 'me@here', reason: null });
        } else {
          const sent = { topic: 'topic', partition: 0, offset: 9 };
          const ended = what === 'sent' ? {} : { ended: what };
          index.addEntry({ kind: 'progress', replay: `r${n}`, ...of, sent, ...ended });
        }
      });
      const letters = list(index);
      for (const status of LETTER_STATUSES) {
        const listed = letters.filter((letter) => letter.status === status).length;
        expect(index.counts[status]).toBe(listed);
        expect(index.groups.reduce((sum, { counts }) => sum + counts[status], 0)).toBe(listed);
      }
    }),
    { numRuns: 300 },
  );
});

test('a workflow that somebody ran again settles the letter of the failed run alone', () => {
  const letters = [0, 1].map((n) => letterRecord({ at: n, record: { offset: n } }));
  const again = { kind: 'runAgain', newRunId: 'new', at, by: 'me@here' } as const;
  const index = indexOf(letters, [
    { ...again, workflowId: 'test-42-0', runId: 'run-0', ended: 'delivered' },
    { ...again, workflowId: 'test-42-1', runId: 'an earlier one' },
  ]);
  expect(statusesOf(index)).toEqual(['0 delivered', '1 open']);
});

test('letters that the topic has deleted count no more, whatever happens to them', () => {
  const letters = [0, 1, 2].map((n) => letterRecord({ at: n, record: { offset: n } }));
  const index = indexOf(letters);
  index.dropBefore(0, 2);
  expect(statusesOf(index)).toEqual(['2 open']);
  expect(index.counts).toMatchObject({ open: 1, discarded: 0 });
  index.addEntry({ kind: 'disposition', letter: 'dead/0@1', runId: 'run-1', at, ...discarded });
  // A later letter of the same record.
  index.addLetter(letterRecord({ at: 3, record: { offset: 0 }, failedAt: day(9) }));
  index.setHeld([{ partition: 0, offset: 1 }]);
  expect(index.counts).toMatchObject({ open: 2, discarded: 0, superseded: 0, held: 0 });
  expect(index.unsettled().groups).toMatchObject([{ counts: { open: 2 } }]);
  expect(index.statusAt(0, 1)).toBeUndefined();
});

test('the letter that failed later counts, also if it was read before', () => {
  const later = letterRecord({ at: 0, record: { offset: 7 }, failedAt: day(2) });
  const earlier = letterRecord({ at: 0, runId: 'old', record: { offset: 7 }, failedAt: day(1) });
  // Partition 0 is read before partition 1.
  const index = indexOf([later, { ...earlier, partition: 1 }]);
  expect(index.statusAt(0, 0)).toBe('open');
  expect(index.statusAt(1, 0)).toBe('superseded');
});

test('letters that nobody has settled tell since when, by group', () => {
  const letters = [0, 1, 2].map((n) =>
    letterRecord({ at: n, record: { offset: n }, failedAt: day(n) }),
  );
  const index = indexOf(letters, [
    { kind: 'disposition', letter: 'dead/0@0', runId: 'run-0', at, ...discarded },
  ]);
  const times = { firstAt: Date.parse(day(1)), lastAt: Date.parse(day(2)) };
  expect(index.unsettled()).toMatchObject({ since: times.firstAt, groups: [times] });
});

test('a letter is held while its record is the head of a held key, unless it is settled', () => {
  const letters = [0, 1, 2].map((n) => letterRecord({ at: n, record: { offset: n } }));
  const index = indexOf(letters, [
    { kind: 'disposition', letter: 'dead/0@1', runId: 'run-1', at, ...discarded },
  ]);
  const source = (n: number) => ({ partition: 0, offset: n });
  index.setHeld([source(0), source(1), source(99)]);
  expect(statusesOf(index)).toEqual(['0 held', '1 discarded', '2 open']);
  expect(index.counts).toMatchObject({ held: 1, open: 1, discarded: 1 });
  expect(index.statusAt(0, 0)).toBe('held');
  index.setHeld([source(2)]);
  expect(statusesOf(index)).toEqual(['0 open', '1 discarded', '2 held']);
  expect(index.statusAt(0, 3)).toBeUndefined();
});

test('an identity table finds each of many texts, and no other', () => {
  const table = new IdentityTable();
  for (let i = 0; i < 20_000; i++) table.set(`text ${i}`, i);
  for (let i = 0; i < 20_000; i++) expect(table.get(`text ${i}`)).toBe(i);
  table.set('text 7', 99);
  expect(table.get('text 7')).toBe(99);
  expect(table.get('none')).toBeUndefined();
  expect(table.size).toBe(20_000);
});

test('each letter that counts is reported once, with its time and where its record came from', () => {
  const reported: NewLetter[] = [];
  const index = new LetterIndex(stream, (letter) => reported.push(letter));
  const letter = letterRecord({ at: 0, record: { offset: 7 }, failedAt: day(1) });
  index.addLetter(letter);
  // An activity that was retried has written it twice.
  index.addLetter({ ...letter, offset: 1 });
  expect(reported).toEqual([
    { failedAt: Date.parse(day(1)), source: { topic: 'topic', partition: 0, offset: 7 } },
  ]);
});
