import fc from 'fast-check';
import { LinearGrouping } from '../../../src/kafka/producer/linear-grouping';

const group = jest.requireActual<(options: object) => Record<string, unknown[]>>(
  'kafkajs/src/producer/groupMessagesPerPartition',
);

test('kafkajs groups a LinearGrouping by partition as it groups an array, in the order of the messages', () => {
  const messages = fc.array(fc.record({ partition: fc.nat(5), n: fc.nat() }));
  fc.assert(
    fc.property(messages, (given) => {
      const list = new LinearGrouping<(typeof given)[number]>();
      for (const message of given) list.push(message);
      const grouped = (of: object) =>
        group({
          topic: 't',
          partitionMetadata: [1],
          messages: of,
          partitioner: ({ message }: { message: { partition: number } }) => message.partition,
        });
      expect(grouped(list)).toEqual(grouped(given));
    }),
  );
});

test('map on a LinearGrouping returns an ordinary array', () => {
  const doubled = LinearGrouping.from([1, 2]).map((n) => 2 * n);
  expect(doubled).not.toBeInstanceOf(LinearGrouping);
  expect(doubled.reduce((sum, n) => sum + n, 0)).toBe(6);
});
