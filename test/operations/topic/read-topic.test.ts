import { OffsetOutOfRangeError, type RecordReader } from '../../../src/kafka/reader';
import { readRanges } from '../../../src/operations/topic/read-topic';

/** A reader of partitions whose first offset is `low()`. */
function readerOf(low: () => number): Pick<RecordReader, 'read'> {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
    async *read(topic, partition, from, to) {
      for (let offset = from; offset < to; offset++) {
        if (offset < low()) throw new OffsetOutOfRangeError(`no ${offset}`);
        yield { topic, partition, offset, timestamp: 0, key: null, value: null, headers: [] };
      }
    },
  };
}

async function offsets(low: () => number, onRecord: (offset: number) => void = () => undefined) {
  const ranges = [
    { partition: 0, low: 0, high: 3 },
    { partition: 1, low: 5, high: 5 },
    { partition: 2, low: 2, high: 8 },
  ];
  const read: string[] = [];
  const records = readRanges(readerOf(low), 't', ranges, () => Promise.resolve(low()));
  for await (const { partition, offset } of records) {
    read.push(`${partition}:${offset}`);
    onRecord(offset);
  }
  return read;
}

test('readTopic reads every partition from low to high', async () => {
  const expected = ['0:0', '0:1', '0:2', '2:2', '2:3', '2:4', '2:5', '2:6', '2:7'];
  expect(await offsets(() => 0)).toEqual(expected);
});

test('readTopic skips records that retention removes while it reads', async () => {
  let low = 0;
  const read = await offsets(
    () => low,
    (offset) => (low = offset === 3 ? 6 : low),
  );
  expect(read).toEqual(['0:0', '0:1', '0:2', '2:2', '2:3', '2:6', '2:7']);
});

test('readTopic ends if retention has removed the rest', async () => {
  let low = 0;
  const read = await offsets(
    () => low,
    (offset) => (low = offset === 3 ? 100 : low),
  );
  expect(read).toEqual(['0:0', '0:1', '0:2', '2:2', '2:3']);
});

test('readTopic fails if an offset is out of range for another reason', async () => {
  const reader = readerOf(() => 100);
  const ranges = [{ partition: 0, low: 0, high: 3 }];
  const read = readRanges(reader, 't', ranges, () => Promise.resolve(0));
  await expect(read.next()).rejects.toThrow(OffsetOutOfRangeError);
});
