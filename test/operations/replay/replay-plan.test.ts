import { choose } from '../../../src/operations/replay/replay-plan';
import { letter } from '../support/letters';

const value = (id: string) => ({ value: Buffer.from(JSON.stringify({ id })) });
const letters = [
  letter({ at: 1, record: value('a'), errorType: 'Permanent', failedAt: '2026-01-01T00:00:00Z' }),
  letter({ at: 2, record: value('b'), errorType: 'Transient', failedAt: '2026-01-02T00:00:00Z' }),
  letter({ at: 3, record: value('c'), errorType: 'Timeout', failedAt: '2026-01-03T00:00:00Z' }),
  letter({
    at: 4,
    record: { value: null },
    errorType: 'NullValue',
    failedAt: '2026-01-04T00:00:00Z',
  }),
];
const chosen = (filters: Parameters<typeof choose>[1]) =>
  choose(letters, filters).map(({ deadLetter }) => deadLetter.offset);

test.each([
  ['no filter', {}, [1, 2, 3, 4]],
  ['types', { errorTypes: ['Timeout', 'Permanent'] }, [1, 3]],
  ['since, at that time included', { since: '2026-01-02T00:00:00.000Z' }, [2, 3, 4]],
  ['until, at that time included', { until: '2026-01-02T00:00:00.000Z' }, [1, 2]],
  ['message ids', { messageIds: ['c', 'a'] }, [1, 3]],
  ['places', { places: ['0:4', '0:2'] }, [2, 4]],
  ['all of them together', { errorTypes: ['Transient'], messageIds: ['a'] }, []],
])('choose filters letters by: %s', (_, filters, offsets) => {
  expect(chosen(filters)).toEqual(offsets);
});

test('choose skips a letter without a time if since or until is given', () => {
  const timeless = { ...letters[0]!, failedAt: null };
  expect(choose([timeless], { since: '2000-01-01T00:00:00.000Z' })).toEqual([]);
  expect(choose([timeless], { until: '2100-01-01T00:00:00.000Z' })).toEqual([]);
});

test('choose names letters that were given and do not exist', () => {
  expect(() => chosen({ messageIds: ['a', 'x"\n'] })).toThrow('there is no dead letter "x\\"\\n"');
  expect(() => chosen({ places: ['0:9', '1:1'] })).toThrow('"0:9", "1:1"');
});
