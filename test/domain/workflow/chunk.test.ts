import {
  isSameChunk,
  startOfChunk,
  type ChunkInput,
  type ChunkMemo,
} from '../../../src/domain/workflow/chunk';
import { testStream } from '../support/records';

const range = { topic: 'topic', partition: 0, first: 100, last: 199 };
const chunk = { stream: 'test', ...range, count: 100, timestamp: 1_000, firstRecord: 100 };
const memo = (given: Partial<ChunkInput> = {}) =>
  startOfChunk(testStream(), { ...chunk, ...given }).memo as ChunkMemo;
const holder: Record<string, unknown> = { ...memo() };

const STARTED = new Date(5_000);

test('a chunk that is read again is the same chunk, even if its last offset differs', () => {
  expect(isSameChunk(holder, memo(), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo({ last: 150, count: 51 }), STARTED)).toBe(true);
});

test('a chunk is the same after retention or compaction has removed its first record', () => {
  expect(isSameChunk(holder, memo({ firstRecord: 120, timestamp: 1_020 }), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo({ firstRecord: 200, timestamp: 1_100 }), STARTED)).toBe(false);
});

test('a chunk of a topic that was created again is another chunk', () => {
  expect(isSameChunk(holder, memo({ timestamp: 2_000 }), STARTED)).toBe(false);
});

test('a chunk with another first offset is another chunk, and a record is no chunk', () => {
  expect(isSameChunk(holder, memo({ first: 99 }), STARTED)).toBe(false);
  expect(isSameChunk({ ...holder, messageId: 'a' }, memo(), STARTED)).toBe(false);
});

test("open keys are part of a chunk's input, and do not distinguish it from other chunks", () => {
  const after: [string, string][] = [['hash', 'test-a-1']];
  const start = startOfChunk(testStream(), { ...chunk, after });
  expect(start.args[0]).toEqual({ ...chunk, after });
  expect(start.memo).toEqual(memo());
});

test('a chunk of a recreated topic is another chunk, even if its first offsets hold no record', () => {
  // The old log began with a record, the new one with an aborted transaction.
  expect(isSameChunk(holder, memo({ firstRecord: 120, timestamp: 5_001 }), STARTED)).toBe(false);
});

test('a chunk of another topic id or another leader epoch is another chunk, whatever its timestamps are', () => {
  const ofLog = { topicId: 'one', epoch: 5 };
  const known = { ...memo(ofLog) };
  expect(isSameChunk(known, memo(ofLog), STARTED)).toBe(true);
  expect(isSameChunk(known, memo({ ...ofLog, topicId: 'other' }), STARTED)).toBe(false);
  expect(isSameChunk(known, memo({ ...ofLog, epoch: 6 }), STARTED)).toBe(false);
  // One of the two was written by a version of CloudSync or Kafka that does not know topic id and epoch.
  expect(isSameChunk(known, memo(), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo(ofLog), STARTED)).toBe(true);
});
