import { ReadLog } from '../../../src/bridge/partition/read-log';

const epochs = (...starts: [offset: number, epoch: number | undefined][]) =>
  starts.map(([offset, epoch]) => ({ offset, epoch }));

/** A log that was read up to offset 30, with its epochs 2 from 0, 4 from 10 and 5 from 20 on. */
function readLog(): ReadLog {
  const log = new ReadLog();
  log.read('id', epochs([0, 2], [10, 4]), 15);
  log.read('id', epochs([15, 4], [20, 5]), 30);
  return log;
}

/** What the next owner knows, after a commit of `offset`. */
function afterRestart(log: ReadLog, offset: number): ReadLog {
  const next = new ReadLog();
  next.load(JSON.parse(JSON.stringify(log.toMetadata(offset) ?? null)), offset);
  return next;
}

test('a fetch tells the epoch of the record before it, and none if that was not read', () => {
  const log = readLog();
  expect(log.before(30)).toEqual({ topicId: 'id', lastEpoch: 5 });
  expect(log.before(20).lastEpoch).toBe(4);
  expect(log.before(0).lastEpoch).toBeUndefined();
  // Retention has deleted what comes next, and Kafka goes on behind it.
  expect(log.before(31).lastEpoch).toBeUndefined();
});

test('the next owner knows what lies before the commit', () => {
  const next = afterRestart(readLog(), 12);
  expect(next.before(12)).toEqual({ topicId: 'id', lastEpoch: 4 });
  expect(next.before(13).lastEpoch).toBeUndefined();
  expect(next.partsAt({ epoch: 3, endOffset: 90 })).toBe(10);
});

test('an epoch that is not known is not guessed, nor are those before it committed', () => {
  const log = readLog();
  log.read('id', epochs([30, undefined]), 40);
  expect(log.before(40).lastEpoch).toBeUndefined();
  expect(log.toMetadata(40)).toEqual({ id: 'id' });
  log.read('id', epochs([40, 6]), 50);
  expect(log.toMetadata(50)).toEqual({ id: 'id', epochs: [[40, 6]] });
});

test('what comes again after a join changes nothing', () => {
  const log = readLog();
  log.read('id', epochs([10, 4]), 20);
  expect(log.before(30).lastEpoch).toBe(5);
});

test('two logs part where the last epoch of both ends', () => {
  const log = readLog();
  expect(log.partsAt({ epoch: 5, endOffset: 25 })).toBe(25);
  // The leader never had an epoch that was read: all of that is gone, whatever the leader has instead.
  expect(log.partsAt({ epoch: 4, endOffset: 28 })).toBe(20);
  expect(log.partsAt({ epoch: 4, endOffset: 18 })).toBe(18);
  expect(log.partsAt({ epoch: 3, endOffset: 28 })).toBe(10);
  log.cutTo(18);
  expect(log.before(18).lastEpoch).toBe(4);
  expect(log.before(19).lastEpoch).toBeUndefined();
});

test('a topic with another id is another one, and an id that is not known is none', () => {
  const log = readLog();
  expect(log.isOther('other')).toBe(true);
  expect(log.isOther('id')).toBe(false);
  expect(log.isOther(undefined)).toBe(false);
  expect(new ReadLog().isOther('id')).toBe(false);
});

test.each([undefined, null, 'text', 7, [], { id: 7 }, { epochs: [[1, 'a']] }, { epochs: [5] }])(
  'commit metadata of another program is no knowledge: %j',
  (committed) => {
    const log = new ReadLog();
    log.load(committed, 10);
    expect(log.before(10)).toEqual({ topicId: undefined, lastEpoch: undefined });
  },
);

test('many epochs take little room in the metadata', () => {
  const log = new ReadLog();
  for (let i = 1; i < 50; i++)
    log.read('x'.repeat(22), epochs([2 ** 52 + i, 2 ** 30 + i]), 2 ** 53);
  expect(JSON.stringify(log.toMetadata(2 ** 53)).length).toBeLessThan(150);
});

test('what was read before under another epoch differs, wherever the batch begins', () => {
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
