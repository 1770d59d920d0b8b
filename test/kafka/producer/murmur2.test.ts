import fc from 'fast-check';
import { createPartitioner } from '../../../src/kafka/producer/producer';
import { murmur2, partitionOf } from '../../../src/kafka/producer/murmur2';
import { bytes } from '../../domain/support/records';

const kafkajsMurmur2 = jest.requireActual<(key: Buffer) => number>(
  'kafkajs/src/producer/partitioners/default/murmur2',
);
const { Partitioners } = jest.requireActual<{
  Partitioners: { DefaultPartitioner: typeof createPartitioner };
}>('kafkajs');

/** The values are from Kafka's own UtilsTest.java. */
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
])("the hash of %s equals the Java client's", (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test("the hash of any bytes equals kafkajs's", () => {
  fc.assert(
    fc.property(bytes, (key) => murmur2(key) === kafkajsMurmur2(key)),
    { numRuns: 2_000 },
  );
});

test('a key goes to the partition that kafkajs chooses for it', () => {
  const own = createPartitioner();
  const theirs = Partitioners.DefaultPartitioner();
  const partitionsOf = (count: number) =>
    Array.from({ length: count }, (_, partitionId) => ({ partitionId, leader: 1 }) as never);
  fc.assert(
    fc.property(fc.oneof(bytes, fc.string()), fc.integer({ min: 1, max: 200 }), (key, count) => {
      const args = {
        topic: 't',
        partitionMetadata: partitionsOf(count),
        message: { key } as never,
      };
      expect(own(args)).toBe(theirs(args));
      expect(own(args)).toBe(partitionOf(key, count));
    }),
  );
});

test('a message that names its partition is sent there, and a message without a key to any partition', () => {
  const partitionMetadata = [0, 1, 2].map((partitionId) => ({ partitionId, leader: 1 }) as never);
  const choose = createPartitioner();
  const message = (given: object) => ({ topic: 't', partitionMetadata, message: given as never });
  expect(choose(message({ key: 'k', partition: 2 }))).toBe(2);
  expect([0, 1, 2]).toContain(choose(message({ key: null })));
});
