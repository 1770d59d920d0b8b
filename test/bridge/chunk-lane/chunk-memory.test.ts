import { ChunkMemory } from '../../../src/bridge/chunk-lane/chunk-memory';
import type { ChunkInput } from '../../../src/domain/workflow/chunk';
import { kafkaRecord } from '../../domain/support/records';

const range = { topic: 'topic', partition: 0, first: 0, last: 0, firstRecord: 0 };
const chunk: ChunkInput = { stream: 'test', ...range, count: 1, timestamp: 1_000 };
const records = [kafkaRecord({ offset: 0 })];

test('a chunk is remembered until it is forgotten', () => {
  const held = new ChunkMemory();
  const forget = held.remember(chunk, records);
  expect(held.get(chunk)).toMatchObject({ records });
  forget();
  expect(held.get(chunk)).toBeUndefined();
});

test('a chunk that is remembered twice keeps its progress until the first caller forgets it', () => {
  const held = new ChunkMemory();
  const forget = held.remember(chunk, records);
  const progress = held.get(chunk);
  held.remember(chunk, [kafkaRecord({ offset: 0 })])();
  expect(held.get(chunk)).toBe(progress);
  forget();
  expect(held.get(chunk)).toBeUndefined();
});

test('a chunk with the same offsets is another chunk if its topic was created again', () => {
  const held = new ChunkMemory();
  held.remember(chunk, records);
  expect(held.get({ ...chunk, timestamp: 2_000 })).toBeUndefined();
});
