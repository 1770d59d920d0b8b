import fc from 'fast-check';
import { emptyTotals, parseTotals } from '../../src/domain/commit-metadata';

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
  ])('gives totals of zero for %j', (metadata) => {
    expect(parseTotals(metadata)).toEqual(emptyTotals());
  });

  test('gives the totals of its usable fields', () => {
    expect(parseTotals('{"recent":5,"sink":"x","more":7}')).toEqual({
      ...emptyTotals(),
      recent: 5,
    });
  });

  test('gives counts, and never an error, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `{${text}`),
        ),
        (text) => {
          for (const value of Object.values(parseTotals(text))) {
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          }
        },
      ),
    );
  });
});
