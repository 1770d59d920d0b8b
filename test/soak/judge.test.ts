import { judge, type Evidence } from './judge';

function evidence(more: Partial<Evidence> = {}): Evidence {
  return {
    shown: new Map([['a', { partition: 1, offset: 3, value: 'A' }]]),
    delivered: new Map([['a', 'A']]),
    journal: [{ messageId: 'a', partition: 1, offset: 3, outcome: 'written' }],
    fates: new Map([
      ['a', 'committed'],
      ['b', 'aborted'],
      ['c', 'unknown'],
    ]),
    compacted: false,
    ...more,
  };
}
const delivered = (...ids: string[]) => new Map(ids.map((id) => [id, id.toUpperCase()]));

test('judge finds nothing if the sink has exactly the records of the topic', () => {
  expect(judge(evidence())).toEqual([]);
});

test.each<[string, Partial<Evidence>, string]>([
  ['is missing', { delivered: new Map() }, 'a at 1@3 is missing'],
  ['has other bytes', { delivered: new Map([['a', 'X']]) }, 'a at 1@3 has other bytes at the sink'],
  ['was aborted', { delivered: delivered('a', 'b') }, 'b is at the sink and was aborted'],
  [
    'was aborted, on a compacted topic',
    { delivered: delivered('a', 'b'), compacted: true },
    'b is at the sink and was aborted',
  ],
  ['is not shown', { delivered: delivered('a', 'c') }, 'c is at the sink and was unknown'],
  ['nobody wrote', { delivered: delivered('a', 'd') }, 'd is at the sink and was never written'],
  [
    'was written twice',
    {
      journal: [
        { messageId: 'a', partition: 1, offset: 3, outcome: 'written' },
        { messageId: 'a', partition: 1, offset: 3, outcome: 'written' },
      ],
    },
    'a was written twice',
  ],
  [
    'came from another offset',
    { journal: [{ messageId: 'a', partition: 1, offset: 2, outcome: 'written' }] },
    'a was taken from 1@2, and lies at 1@3',
  ],
  [
    'Kafka has lost',
    {
      fates: new Map([
        ['a', 'committed'],
        ['e', 'committed'],
      ]),
    },
    'e was acknowledged, and is not on the topic',
  ],
])('judge finds a record that %s', (_, more, finding) => {
  expect(judge(evidence(more))).toEqual([finding]);
});

test('judge accepts that a compacted topic has fewer records than were delivered', () => {
  expect(
    judge(evidence({ shown: new Map(), delivered: delivered('a', 'c'), compacted: true })),
  ).toEqual([]);
});
