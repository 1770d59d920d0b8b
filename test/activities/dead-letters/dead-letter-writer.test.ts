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

/** Writes one dead letter; returns what was sent. */
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

test('key, value, headers and timestamp stay as they were; all replicas must have it', async () => {
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

test('a tombstone stays one', async () => {
  expect((await write(kafkaRecord({ value: null }))).messages[0]).toMatchObject({ value: null });
});

test('the headers of an earlier dead letter are replaced, its replays counted on', async () => {
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

test('a record that travels by reference is read again', async () => {
  const original = kafkaRecord({ value: Buffer.from('as large as it is') });
  const asked: unknown[][] = [];
  async function* read(...range: Parameters<RecordReader['read']>) {
    asked.push(range);
    yield await Promise.resolve(original);
  }
  expect(received(await write(original, byReference, read)).value).toEqual(original.value);
  expect(asked).toEqual([['topic', 0, 7, 8]]);
});

test('what lies at its place after the topic was made anew is not taken for it', async () => {
  async function* read() {
    yield await Promise.resolve(kafkaRecord({ timestamp: 1_800_000_000_000 }));
  }
  const letter = received(await write(kafkaRecord(), byReference, read));
  expect(letter).toMatchObject({ key: null, value: null, timestamp: 1_700_000_000_123 });
});

test('a record whose content retention took is still told of', async () => {
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- fails before the first
  async function* read(): AsyncGenerator<KafkaRecord> {
    throw new OffsetOutOfRangeError('gone');
  }
  const letter = received(await write(kafkaRecord(), byReference, read));
  expect(letter).toMatchObject({ key: null, value: null, timestamp: 1_700_000_000_123 });
  expect(letter.headers[0]).toEqual(['cloudsync-content-expired', Buffer.from('true')]);
});

test('a record that can not be read for now is tried again, not written off', async () => {
  // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- fails before the first
  async function* read(): AsyncGenerator<KafkaRecord> {
    throw new Error('no leader');
  }
  await expect(write(kafkaRecord(), byReference, read)).rejects.toThrow('no leader');
});

test('a letter that no partition took is an error', async () => {
  const record = kafkaRecord();
  await expect(write(record, encodeContent(record), notRead, [])).rejects.toThrow(
    'test-sync-dlq did not take the dead letter of topic/0@7',
  );
});

describe('a letter that the broker finds too large', () => {
  const tooLarge = new KafkaJSProtocolError({
    type: 'MESSAGE_TOO_LARGE',
    code: 10,
    message: '',
  } as never);

  /** Writes one of a stream whose broker takes what `takes` says; returns all that was sent. */
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

  test('is compressed, as its record may have been', async () => {
    const sent = await writeTo(({ compression }) => compression === GZIP);
    expect(sent).toHaveLength(2);
    expect(received(sent[1]!)).toMatchObject({
      key: Buffer.from('key'),
      value: kafkaRecord().value,
    });
  });

  test('goes without its content if that does not help', async () => {
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

  test('is an error if not even that is taken', async () => {
    await expect(writeTo(() => false)).rejects.toThrow('takes no dead letter');
  });
});
