// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- what the client throws
import { KafkaJSProtocolError } from 'kafkajs';
import { createDeadLetterWriter } from '../../../src/activities/dead-letters/dead-letter-writer';
import { GZIP, type Producer } from '../../../src/kafka/kafka';
import { OffsetOutOfRangeError, type RecordReader } from '../../../src/kafka/reader';
import {
  encodeContent,
  type KafkaRecord,
  type RecordContent,
} from '../../../src/domain/record/record';
import { kafkaRecord, testStream } from '../../domain/support/records';
import { recordOfMessage } from '../support/sent-message';

const stream = testStream();
const failure = { type: 'Permanent', message: 'no', attempts: 3 };
const workflow = { workflowId: 'test-42-7', runId: 'run' };

type Sent = Parameters<Producer['send']>[0];

const notRead: RecordReader['read'] = () => {
  throw new Error('there was no need to read');
};

/** Writes one dead letter. Returns the request that was sent. */
async function write(
  record: KafkaRecord,
  content: RecordContent = encodeContent(record),
  read: RecordReader['read'] = notRead,
  answer: unknown[] = [{}],
): Promise<Sent> {
  let sent: Sent | undefined;
  const producer = {
    send: (request: Sent) => {
      sent = request;
      return Promise.resolve(answer);
    },
  } as unknown as Producer;
  const writer = createDeadLetterWriter(producer, { read });
  const { topic, partition, offset, timestamp } = record;
  const envelope = { stream: 'test', topic, partition, offset, timestamp, content };
  await writer.write(stream, envelope, failure, workflow, new AbortController().signal);
  return sent!;
}

/** The dead letter as its reader sees it. */
function received({ messages: [message] }: Sent): KafkaRecord {
  return recordOfMessage('test-sync-dlq', message);
}

const byReference = { byReference: true, bytes: 3_000_000 } as const;

test('a dead letter keeps key, value, headers and timestamp, and all replicas must have it', async () => {
  const record = kafkaRecord({
    key: Buffer.from([0xff]),
    value: Buffer.from([0, 1, 2]),
    headers: [
      ['trace', Buffer.from('a')],
      ['trace', Buffer.from('b')],
    ],
  });
  const sent = await write(record);
  expect(sent).toMatchObject({ topic: 'test-sync-dlq', acks: -1 });
  const letter = received(sent);
  expect(letter).toMatchObject({
    key: record.key,
    value: record.value,
    timestamp: record.timestamp,
  });
  expect(letter.headers.slice(0, 2)).toEqual(record.headers);
  expect(
    Object.fromEntries(letter.headers.map(([name, value]) => [name, String(value)])),
  ).toMatchObject({
    'cloudsync-workflow-id': 'test-42-7',
    'cloudsync-error-type': 'Permanent',
    'cloudsync-attempts': '3',
  });
});

test('the dead letter of a tombstone is a tombstone', async () => {
  expect((await write(kafkaRecord({ value: null }))).messages[0]).toMatchObject({ value: null });
});

test('a dead letter replaces the headers of an earlier dead letter, and keeps its number of replays', async () => {
  const headers: KafkaRecord['headers'] = [
    ['cloudsync-error-type', Buffer.from('Timeout')],
    ['cloudsync-replays', Buffer.from('2')],
  ];
  const letter = received(await write(kafkaRecord({ headers })));
  const values = (name: string) =>
    letter.headers.filter(([key]) => key === name).map(([, value]) => String(value));
  expect(values('cloudsync-error-type')).toEqual(['Permanent']);
  expect(values('cloudsync-replays')).toEqual(['2']);
});

test('a record that travels by reference is read again from its topic', async () => {
  const original = kafkaRecord({ value: Buffer.from('as large as it is') });
  const asked: unknown[][] = [];
  async function* read(...range: Parameters<RecordReader['read']>) {
    asked.push(range);
    yield await Promise.resolve(original);
  }
  expect(received(await write(original, byReference, read)).value).toEqual(original.value);
  expect(asked).toEqual([['topic', 0, 7, 8]]);
});

test('another record at the same offset is not taken for the original if the topic was made anew', async () => {
  async function* read() {
    yield await Promise.resolve(kafkaRecord({ timestamp: 1_800_000_000_000 }));
  }
  const letter = received(await write(kafkaRecord(), byReference, read));
  expect(letter).toMatchObject({ key: null, value: null, timestamp: 1_700_000_000_123 });
});

test('a record gets a dead letter without content if retention has deleted the content', async () => {
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- fails before the first
  async function* read(): AsyncGenerator<KafkaRecord> {
    throw new OffsetOutOfRangeError('gone');
  }
  const letter = received(await write(kafkaRecord(), byReference, read));
  expect(letter).toMatchObject({ key: null, value: null, timestamp: 1_700_000_000_123 });
  expect(letter.headers[0]).toEqual(['cloudsync-content-expired', Buffer.from('true')]);
});

test('a dead letter is tried again, not written without content, if its record is temporarily unreadable', async () => {
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- fails before the first
  async function* read(): AsyncGenerator<KafkaRecord> {
    throw new Error('no leader');
  }
  await expect(write(kafkaRecord(), byReference, read)).rejects.toThrow('no leader');
});

test('the write of a dead letter fails if no partition took it', async () => {
  const record = kafkaRecord();
  await expect(write(record, encodeContent(record), notRead, [])).rejects.toThrow(
    'test-sync-dlq did not take the dead letter of topic/0@7',
  );
});

describe('a dead letter that the broker finds too large', () => {
  const tooLarge = new KafkaJSProtocolError({
    type: 'MESSAGE_TOO_LARGE',
    code: 10,
    message: '',
  } as never);

  /** Writes a dead letter to a broker that takes what `takes` allows. Returns all requests that were sent. */
  async function writeTo(takes: (request: Sent) => boolean): Promise<Sent[]> {
    const sent: Sent[] = [];
    const producer = {
      send: (request: Sent) => {
        sent.push(request);
        return takes(request) ? Promise.resolve([{}]) : Promise.reject(tooLarge);
      },
    } as unknown as Producer;
    const record = kafkaRecord({ key: Buffer.from('key') });
    const envelope = { ...record, stream: 'test', content: encodeContent(record) };
    const writer = createDeadLetterWriter(producer, { read: notRead });
    await writer.write(stream, envelope, failure, workflow, new AbortController().signal);
    return sent;
  }

  test('is compressed, because its record may have been compressed', async () => {
    const sent = await writeTo(({ compression }) => compression === GZIP);
    expect(sent).toHaveLength(2);
    expect(received(sent[1]!)).toMatchObject({
      key: Buffer.from('key'),
      value: kafkaRecord().value,
    });
  });

  test('is sent without its content if compression does not help', async () => {
    const sent = await writeTo(({ messages: [message] }) => message!.value === null);
    const letter = received(sent.at(-1)!);
    expect(letter).toMatchObject({ key: null, value: null });
    const headers = Object.fromEntries(
      letter.headers.map(([name, value]) => [name, String(value)]),
    );
    expect(headers).toMatchObject({
      'cloudsync-content-omitted': 'true',
      'cloudsync-topic': 'topic',
      'cloudsync-offset': '7',
    });
  });

  test('fails if the broker refuses it even without its content', async () => {
    await expect(writeTo(() => false)).rejects.toThrow('takes no dead letter');
  });
});
