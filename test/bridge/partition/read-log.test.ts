import { parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { ReadLog } from '../../../src/bridge/partition/read-log';

const epochs = (...starts: [offset: number, epoch: number | undefined][]) =>
  starts.map(([offset, epoch]) => ({ offset, epoch }));

/** Creates a log that was read up to offset 30. Its epochs are 2 from offset 0, 4 from 10, and 5 from 20 on. */
function readLog(): ReadLog {
  const log = new ReadLog();
  log.read('id', epochs([0, 2], [10, 4]), 15);
  log.read('id', epochs([15, 4], [20, 5]), 30);
  return log;
}

/** Creates the log as the next owner knows it after a commit of `offset`. */
function afterRestart(log: ReadLog, offset: number): ReadLog {
  const next = new ReadLog();
  const { log: known } = parseCommitMetadata(JSON.stringify({ log: log.toMetadata(offset) }));
  if (known) next.load(known, offset);
  return next;
}

test('a fetch carries the epoch of the record before it, or none if that record was not read', () => {
  const log = readLog();
  expect(log.before(30)).toEqual({ topicId: 'id', lastEpoch: 5 });
  expect(log.before(20).lastEpoch).toBe(4);
  expect(log.before(0).lastEpoch).toBeUndefined();
  // Retention has deleted record 30, and Kafka goes on at 31.
  expect(log.before(31).lastEpoch).toBeUndefined();
});

test('the next owner knows the epoch of the record before the commit', () => {
  const next = afterRestart(readLog(), 12);
  expect(next.before(12)).toEqual({ topicId: 'id', lastEpoch: 4 });
  expect(next.before(13).lastEpoch).toBeUndefined();
  expect(next.partsAt({ epoch: 3, endOffset: 90 })).toBe(10);
});

test('an unknown epoch is not guessed, and the epochs before it are not committed', () => {
  const log = readLog();
  log.read('id', epochs([30, undefined]), 40);
  expect(log.before(40).lastEpoch).toBeUndefined();
  expect(log.toMetadata(40)).toEqual({ id: 'id' });
  log.read('id', epochs([40, 6]), 50);
  expect(log.toMetadata(50)).toEqual({ id: 'id', epochs: [[40, 6]] });
});

test('records that are read again after a join do not change the log', () => {
  const log = readLog();
  log.read('id', epochs([10, 4]), 20);
  expect(log.before(30).lastEpoch).toBe(5);
});

test('two logs part at the end of the last epoch that both have', () => {
  const log = readLog();
  expect(log.partsAt({ epoch: 5, endOffset: 25 })).toBe(25);
  // The leader never had epoch 5, which was read. All records of epoch 5 are gone, whatever the leader has instead.
  expect(log.partsAt({ epoch: 4, endOffset: 28 })).toBe(20);
  expect(log.partsAt({ epoch: 4, endOffset: 18 })).toBe(18);
  expect(log.partsAt({ epoch: 3, endOffset: 28 })).toBe(10);
  log.cutTo(18);
  expect(log.before(18).lastEpoch).toBe(4);
  expect(log.before(19).lastEpoch).toBeUndefined();
});

test('a topic is another topic if its id differs, but not if an id is unknown', () => {
  const log = readLog();
  expect(log.isOther('other')).toBe(true);
  expect(log.isOther('id')).toBe(false);
  expect(log.isOther(undefined)).toBe(false);
  expect(new ReadLog().isOther('id')).toBe(false);
});

test.each([undefined, null, 'text', 7, [], { id: 7 }, { epochs: [[1, 'a']] }, { epochs: [5] }])(
  'commit metadata of another program says nothing about the log: %j',
  (committed) => {
    const log = new ReadLog();
    const { log: known } = parseCommitMetadata(JSON.stringify({ log: committed }));
    if (known) log.load(known, 10);
    expect(log.before(10)).toEqual({ topicId: undefined, lastEpoch: undefined });
  },
);

test('the metadata of a log with many epochs stays short', () => {
  const log = new ReadLog();
  for (let i = 1; i < 50; i++)
    log.read('x'.repeat(22), epochs([2 ** 52 + i, 2 ** 30 + i]), 2 ** 53);
  expect(JSON.stringify(log.toMetadata(2 ** 53)).length).toBeLessThan(150);
});

test('a batch differs from the first offset that was read under another epoch, wherever the batch begins', () => {
  const log = new ReadLog();
  log.read('id', [{ offset: 0, epoch: 0 }], 5);
  log.read('id', [{ offset: 5, epoch: 2 }], 10);
  expect(
    log.differsAt(
      [
        { offset: 0, epoch: 0 },
        { offset: 5, epoch: 2 },
      ],
      10,
    ),
  ).toBeUndefined();
  expect(log.differsAt([{ offset: 10, epoch: 3 }], 12)).toBeUndefined();
  expect(log.differsAt([{ offset: 3, epoch: undefined }], 12)).toBeUndefined();
  expect(
    log.differsAt(
      [
        { offset: 3, epoch: 0 },
        { offset: 7, epoch: 3 },
      ],
      9,
    ),
  ).toBe(5);
  expect(
    log.differsAt(
      [
        { offset: 5, epoch: 2 },
        { offset: 7, epoch: 3 },
      ],
      9,
    ),
  ).toBe(7);
  expect(log.differsAt([{ offset: 0, epoch: 1 }], 2)).toBe(0);
});
