import { sentBackHeaders } from '../../../src/domain/workflow/dead-letter';
import { contentDigest } from '../../../src/domain/record/content-digest';
import { superseded } from '../../../src/operations/replay/replay-letters';
import { kafkaRecord } from '../../domain/support/records';
import { letterIn, letter, letterRecord } from '../support/letters';

/** The record of a letter after it was sent back and died again. */
const sentBackFrom = (at: number, offset: number, value = '{"id":"42"}') => ({
  record: {
    offset,
    value: Buffer.from(value),
    headers: sentBackHeaders({ topic: 'dead', partition: 0, offset: at }, 1),
  },
});

const names = (letters: Parameters<typeof superseded>[0]) =>
  [...superseded(letters)].map(([one, by]) => [one.deadLetter.offset, by.deadLetter.offset]);

test('a letter says whether its record is a valid message now, and whether it fits into a workflow', () => {
  expect(letter().content).toMatchObject({ missing: false, fitsWorkflow: true, key: null });
  expect(letter().content).not.toHaveProperty('invalid');
  const value = Buffer.from('{nope');
  expect(letter({ record: { value } }).content).toMatchObject({
    invalid: expect.stringMatching(/^InvalidJson: /) as string,
    fitsWorkflow: false,
  });
  const large = Buffer.from(JSON.stringify({ id: '42', more: 'x'.repeat(2 ** 21) }));
  const { content } = letter({ record: { value: large } });
  expect(content.fitsWorkflow).toBe(false);
  expect(content).not.toHaveProperty('invalid');
});

test('a letter without content is recognized by its header, or by its missing value', () => {
  const header: [string, Buffer] = ['cloudsync-content-omitted', Buffer.from('true')];
  const without = letterRecord({ record: { value: null, headers: [header] } });
  expect(letterIn(without).content.missing).toBe(true);
  expect(letter({ record: { headers: [header] } }).content.missing).toBe(false);
});

test('digests differ for different contents, for null and empty, and for key and value', () => {
  const digest = (key: string | null, value: string | null) =>
    contentDigest({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    });
  const all = [digest('a', 'b'), digest('ab', ''), digest('', 'ab'), digest(null, 'ab')];
  expect(new Set([...all, digest('ab', null), digest('null', null)]).size).toBe(6);
  expect(digest('a', 'b')).toBe(
    contentDigest(kafkaRecord({ key: Buffer.from('a'), value: Buffer.from('b') })),
  );
});

test('the newest letter of a workflow counts, in any order', () => {
  const early = letter({ at: 5, failedAt: '2026-01-01T00:00:00Z' });
  const late = letter({ at: 3, failedAt: '2026-01-02T00:00:00Z' });
  const other = letter({ at: 4, record: { offset: 8 } });
  expect(names([late, early, other])).toEqual([[5, 3]]);
  expect(names([early, other, late])).toEqual([[5, 3]]);
});

test('the newest letter of a record counts, even if an older one is of its workflow as an invalid record', () => {
  const invalid = letter({ at: 1, workflowId: 'test-invalid-topic-0-7' });
  expect(names([invalid, letter({ at: 2 })])).toEqual([[1, 2]]);
  const otherTime = letter({ at: 2, record: { timestamp: 1 } });
  expect(names([invalid, otherTime])).toEqual([]);
});

test('the letter of a record that was sent back and died again replaces its older letter', () => {
  expect(names([letter({ at: 1 }), letter({ at: 2, ...sentBackFrom(1, 90) })])).toEqual([[1, 2]]);
});

test('a letter with a forged header replaces no other letter', () => {
  const victim = letter({ at: 1 });
  expect(names([victim, letter({ at: 2, ...sentBackFrom(1, 90, '{"id":"x"}') })])).toEqual([]);
  expect(names([victim, letter({ at: 2, ...sentBackFrom(7, 90) })])).toEqual([]);
  const older = letter({ at: 2, ...sentBackFrom(1, 90), failedAt: '2025-01-01T00:00:00Z' });
  expect(names([victim, older])).toEqual([]);
  expect(names([letter({ at: 2, ...sentBackFrom(2, 90) })])).toEqual([]);
});
