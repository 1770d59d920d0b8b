import fc from 'fast-check';
import type { Producer } from '../../../src/kafka/kafka';
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

const target = { topic: 'topic', partition: 3, end: 0 };
type Sent = Parameters<Producer['send']>[0];

function producer(answer: (sent: Sent) => unknown = () => [{ baseOffset: '90' }]) {
  const sent: Sent[] = [];
  const send = (record: Sent) => {
    sent.push(record);
    return Promise.resolve().then(() => answer(record));
  };
  return { sent, send: send as Producer['send'] };
}

/** A reader of what the partitions hold. */
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

test('key, value, timestamp and headers go back as they were, whatever they are', async () => {
  await fc.assert(
    fc.asyncProperty(kafkaRecords, async (source) => {
      const dead = letterRecord({ record: source, at: 5 });
      const to = producer();
      const place = await sendBack(to, letterIn(dead), dead, target);
      expect(place).toEqual({ topic: 'topic', partition: 3, offset: 90 });
      const [{ topic, acks, messages }] = to.sent as [Sent];
      const [{ key, value, timestamp, partition, headers }] = messages as [
        Sent['messages'][number],
      ];
      expect({ topic, acks, partition }).toEqual({ topic: 'topic', acks: -1, partition: 3 });
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

test('a timestamp beyond 2^53 goes back as it was', async () => {
  const exactTimestamp = '1795914000000000123';
  const source = { timestamp: Number(exactTimestamp), exactTimestamp };
  const dead = letterRecord({ record: source, at: 5 });
  const to = producer();
  await sendBack(to, letterIn(dead), dead, target);
  expect(to.sent[0]!.messages[0]!.timestamp).toBe(exactTimestamp);
});

test('the next time counts on, and names the latest letter', async () => {
  const headers = sentBackHeaders({ topic: 'dead', partition: 0, offset: 1 }, 2);
  const dead = letterRecord({ record: { headers }, at: 5 });
  const to = producer();
  await sendBack(to, letterIn(dead), dead, target);
  expect(sentHeaders(to.sent[0]!.messages[0]!.headers)).toEqual([
    ['cloudsync-replays', Buffer.from('3')],
    ['cloudsync-replay-of', Buffer.from('dead/0@5')],
  ]);
});

test('a send that fails is not repeated', async () => {
  const to = producer(() => {
    throw new Error('no answer');
  });
  await expect(sendBack(to, letter(), letterRecord(), target)).rejects.toThrow('no answer');
  expect(to.sent).toHaveLength(1);
});

test('kafkajs drops what goes to a partition that does not exist: an error', async () => {
  const to = producer(() => []);
  await expect(sendBack(to, letter(), letterRecord(), target)).rejects.toThrow('no partition 3');
});

test('a record goes to its own partition, and where that is no more, to that of its key', () => {
  const source = { topic: 'topic', partition: 3, offset: 7 };
  const { content } = letter({ record: { key: Buffer.from('21') } });
  expect(targetPartition(source, content, 4)).toBe(3);
  // The hash that the Java client has for '21': -973932308.
  expect(targetPartition(source, content, 3)).toBe((-973932308 & 0x7fffffff) % 3);
  expect(targetPartition(source, letter().content, 3)).toBe(1);
});

test.each([
  ['behind the record', {}, 3, 8],
  ['from where the partition ended before the send', { end: 50 }, 3, 50],
  ['everywhere on another partition', { end: 50 }, 2, 2],
])('is looked for %s', (_, sending, partition, from) => {
  const source = { topic: 'topic', partition: 3, offset: 7 };
  const range = { partition, low: 2, high: 90 };
  const progress = 'end' in sending ? { sending: { ...target, ...sending } } : {};
  expect(searchFrom(source, partition, range, progress as never)).toBe(from);
});

test('is looked for everywhere on a topic that was made anew', () => {
  const source = { topic: 'topic', partition: 3, offset: 100 };
  expect(searchFrom(source, 3, { partition: 3, low: 2, high: 90 }, {})).toBe(2);
});

test('what was sent back is found by header and content', async () => {
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

test('a letter is read by its place; one that retention has taken is none', async () => {
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
