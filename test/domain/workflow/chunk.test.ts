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

test('a chunk that comes again is the same, whatever its end', () => {
  expect(isSameChunk(holder, memo(), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo({ last: 150, count: 51 }), STARTED)).toBe(true);
});

test('also when retention or compaction has taken its first record since', () => {
  expect(isSameChunk(holder, memo({ firstRecord: 120, timestamp: 1_020 }), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo({ firstRecord: 200, timestamp: 1_100 }), STARTED)).toBe(false);
});

test('that of a topic which was created again is another', () => {
  expect(isSameChunk(holder, memo({ timestamp: 2_000 }), STARTED)).toBe(false);
});

test('neither is that of another beginning, nor a record', () => {
  expect(isSameChunk(holder, memo({ first: 99 }), STARTED)).toBe(false);
  expect(isSameChunk({ ...holder, messageId: 'a' }, memo(), STARTED)).toBe(false);
});

test('keys that are open are part of the input, and not of what tells the chunk from others', () => {
  const after: [string, string][] = [['hash', 'test-a-1']];
  const start = startOfChunk(testStream(), { ...chunk, after });
  expect(start.args[0]).toEqual({ ...chunk, after });
  expect(start.memo).toEqual(memo());
});

test('a chunk of a log made anew is another one, also if its first offsets hold no record', () => {
  // The old log began with a record, the new one with an aborted transaction.
  expect(isSameChunk(holder, memo({ firstRecord: 120, timestamp: 5_001 }), STARTED)).toBe(false);
});

test('a chunk of another topic id, or of another leader epoch, is another one whatever its timestamps', () => {
  const ofLog = { topicId: 'one', epoch: 5 };
  const known = { ...memo(ofLog) };
  expect(isSameChunk(known, memo(ofLog), STARTED)).toBe(true);
  expect(isSameChunk(known, memo({ ...ofLog, topicId: 'other' }), STARTED)).toBe(false);
  expect(isSameChunk(known, memo({ ...ofLog, epoch: 6 }), STARTED)).toBe(false);
  // One of the two is of a version, or of a Kafka, that does not tell.
  expect(isSameChunk(known, memo(), STARTED)).toBe(true);
  expect(isSameChunk(holder, memo(ofLog), STARTED)).toBe(true);
});
