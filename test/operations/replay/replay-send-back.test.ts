import fc from 'fast-check';
import type { SendInTransaction } from '../../../src/kafka/producer/transactional-producer';
import { OffsetOutOfRangeError, type RecordReader } from '../../../src/kafka/reader';
import {
  deadLetterHeader,
  originalHeaders,
  sentBackHeaders,
} from '../../../src/domain/workflow/dead-letter';
import type { KafkaRecord } from '../../../src/domain/record/record';
import {
  findSentBack,
  readLetter,
  searchFrom,
  sendBack,
  targetPartition,
} from '../../../src/operations/replay/replay-send-back';
import { sentHeaders } from '../../activities/support/sent-message';
import { kafkaRecord, kafkaRecords } from '../../domain/support/records';
import { letterIn, letter, letterRecord } from '../support/letters';

const target = { topic: 'topic', partition: 3 };
type Sent = Parameters<SendInTransaction>[0];

function producer(answer: (sent: Sent) => unknown = () => ({ baseOffset: '90' })) {
  const sent: Sent[] = [];
  const send = (record: Sent) => {
    sent.push(record);
    return Promise.resolve().then(() => answer(record));
  };
  return { sent, send: send as SendInTransaction };
}

/** A reader of these records. */
function reader(records: KafkaRecord[]): RecordReader {
  return {
    async *read(_, partition, from, to) {
      for (const record of records) {
        const isThere = record.offset >= from && record.offset < to;
        if (record.partition === partition && isThere) yield await Promise.resolve(record);
      }
    },
    earliest: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}
const noKafka = undefined as never;

test('sendBack sends key, value, timestamp and headers of any record unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(kafkaRecords, async (source) => {
      const dead = letterRecord({ record: source, at: 5 });
      const to = producer();
      const place = await sendBack(to.send, letterIn(dead), dead, target);
      expect(place).toEqual({ topic: 'topic', partition: 3, offset: 90 });
      const [{ topic, messages }] = to.sent as [Sent];
      const [{ key, value, timestamp, partition, headers }] = messages as [
        Sent['messages'][number],
      ];
      expect({ topic, partition }).toEqual({ topic: 'topic', partition: 3 });
      expect({ key, value }).toEqual({ key: source.key, value: source.value });
      expect(timestamp).toBe(String(source.timestamp));
      expect(sentHeaders(headers)).toEqual([
        ...originalHeaders(source),
        ['cloudsync-replays', Buffer.from('1')],
        ['cloudsync-replay-of', Buffer.from('dead/0@5')],
      ]);
    }),
    { numRuns: 100 },
  );
});

test('sendBack sends a timestamp beyond 2^53 unchanged', async () => {
  const exactTimestamp = '1795914000000000123';
  const source = { timestamp: Number(exactTimestamp), exactTimestamp };
  const dead = letterRecord({ record: source, at: 5 });
  const to = producer();
  await sendBack(to.send, letterIn(dead), dead, target);
  expect(to.sent[0]!.messages[0]!.timestamp).toBe(exactTimestamp);
});

test('sendBack increments the count of replays, and names the latest letter', async () => {
  const headers = sentBackHeaders({ topic: 'dead', partition: 0, offset: 1 }, 2);
  const dead = letterRecord({ record: { headers }, at: 5 });
  const to = producer();
  await sendBack(to.send, letterIn(dead), dead, target);
  expect(sentHeaders(to.sent[0]!.messages[0]!.headers)).toEqual([
    ['cloudsync-replays', Buffer.from('3')],
    ['cloudsync-replay-of', Buffer.from('dead/0@5')],
  ]);
});

test('sendBack does not repeat a failed send', async () => {
  const to = producer(() => {
    throw new Error('no answer');
  });
  await expect(sendBack(to.send, letter(), letterRecord(), target)).rejects.toThrow('no answer');
  expect(to.sent).toHaveLength(1);
});

test("targetPartition is the record's own partition, or the partition of its key if that does not exist", () => {
  const source = { topic: 'topic', partition: 3, offset: 7 };
  const { content } = letter({ record: { key: Buffer.from('21') } });
  expect(targetPartition(source, content, 4)).toBe(3);
  // The Java client's hash of '21' is -973932308.
  expect(targetPartition(source, content, 3)).toBe((-973932308 & 0x7fffffff) % 3);
  expect(targetPartition(source, letter().content, 3)).toBe(1);
});

test.each([
  ['after the record', {}, 3, 8],
  ['from the end of the partition before the send', { end: 50 }, 3, 50],
  ['from the start of another partition', { end: 50 }, 2, 2],
])('searchFrom starts %s', (_, sending, partition, from) => {
  const source = { topic: 'topic', partition: 3, offset: 7 };
  const range = { partition, low: 2, high: 90 };
  const progress = 'end' in sending ? { sending: { ...target, ...sending } } : {};
  expect(searchFrom(source, partition, range, progress as never)).toBe(from);
});

test('searchFrom starts at the start of a recreated topic', () => {
  const source = { topic: 'topic', partition: 3, offset: 100 };
  expect(searchFrom(source, 3, { partition: 3, low: 2, high: 90 }, {})).toBe(2);
});

test('a record that was sent back is found by its header and content', async () => {
  const back = (at: number, offset: number, value = '{"id":"42"}') =>
    kafkaRecord({
      offset,
      value: Buffer.from(value),
      headers: sentBackHeaders({ topic: 'dead', partition: 0, offset: at }, 1),
    });
  const letters = [letter({ at: 1 }), letter({ at: 2 }), letter({ at: 3 })];
  const records = [back(1, 10), back(2, 11, '{"id":"forged"}'), kafkaRecord({ offset: 12 })];
  const ranges = [{ partition: 0, low: 0, high: 20 }];
  const found = await findSentBack(noKafka, reader(records), 'topic', ranges, letters);
  expect([...found]).toEqual([[letters[0], { topic: 'topic', partition: 0, offset: 10 }]]);
});

test('readLetter reads a letter by its position, and returns undefined if retention has removed it', async () => {
  const dead = letterRecord({ at: 5 });
  expect(await readLetter(reader([dead]), dead)).toBe(dead);
  expect(deadLetterHeader(dead, 'offset')).toBe('7');
  const gone = {
    // eslint-disable-next-line require-yield, @typescript-eslint/require-await
    async *read() {
      throw new OffsetOutOfRangeError('gone');
    },
  };
  expect(await readLetter(gone as unknown as RecordReader, dead)).toBeUndefined();
});
