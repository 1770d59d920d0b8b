import fc from 'fast-check';
import {
  emptyTotals,
  formatCommitMetadata,
  parseCommitMetadata,
} from '../../src/domain/commit-metadata';

test('metadata has the keys that other versions read, and is read back as it was', () => {
  const metadata = {
    totals: { ...emptyTotals(), delivered: 7 },
    member: { memberId: 'bridge-1', recentIds: 5, at: 17 },
    log: { id: 'topic-id', epochs: [[40, 6] as [number, number]] },
    chainEnd: 38,
    stall: { reason: 'chunk_open' as const, since: 16, workflowId: 'aws-chunk-38' },
    predecessors: [['hash', 'aws-5-37'] as [string, string]],
  };
  const text = formatCommitMetadata(metadata);
  expect(JSON.parse(text)).toEqual({
    ...emptyTotals(),
    ...{ delivered: 7, memberId: 'bridge-1', recentIds: 5, at: 17 },
    ...{ log: { id: 'topic-id', epochs: [[40, 6]] }, chain: 38 },
    ...{ stalled: { reason: 'chunk_open', since: 16, workflowId: 'aws-chunk-38' } },
    ...{ open: [['hash', 'aws-5-37']] },
  });
  expect(parseCommitMetadata(text)).toEqual(metadata);
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
  ])('gives totals of zero for %j', (metadata) => {
    expect(parseCommitMetadata(metadata).totals).toEqual(emptyTotals());
  });

  test('gives the totals of its usable fields', () => {
    expect(parseCommitMetadata('{"recent":5,"sink":"x","more":7}').totals).toEqual({
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
          for (const value of Object.values(parseCommitMetadata(text).totals)) {
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          }
        },
      ),
    );
  });
});
