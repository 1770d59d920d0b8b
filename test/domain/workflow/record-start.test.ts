import { encodeContent, type KafkaRecord } from '../../../src/domain/record/record';
import {
  MAX_CONTENT_BYTES,
  startAfter,
  startOfInvalidRecord,
  startOfRecord,
} from '../../../src/domain/workflow/record-start';
import { kafkaRecord, testStream } from '../support/records';

const stream = testStream();
const temporalLimit = 2 * 1024 * 1024;

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** A record whose content takes exactly `bytes` bytes of JSON. Its value repeats the character. */
function recordOf(bytes: number, character = 'x'): KafkaRecord {
  const room = bytes - jsonBytes(encodeContent(kafkaRecord({ value: Buffer.alloc(0) })));
  const each = jsonBytes(character) - 2;
  const filled = character.repeat(Math.floor(room / each)) + 'x'.repeat(room % each);
  const record = kafkaRecord({ value: Buffer.from(filled) });
  expect(jsonBytes(encodeContent(record))).toBe(bytes);
  return record;
}

describe('the start of a record', () => {
  test('holds everything the workflow needs', () => {
    const record = kafkaRecord({ key: Buffer.from('k'), headers: [['h', Buffer.from('v')]] });
    const { topic, partition, offset, timestamp } = record;
    const identity = { stream: 'test', messageId: '42', topic, partition, offset, timestamp };
    expect(startOfRecord(stream, record, '42')).toEqual({
      workflowType: 'deliverRecord',
      workflowId: 'test-42-7',
      furtherIds: ['test-42-7~topic-0', 'test-42-7~topic-0-1700000000123'],
      args: [{ ...identity, content: encodeContent(record) }, stream.retry],
      memo: { ...identity, key: 'k' },
    });
  });

  test('differs only in its input if it waits for another record', () => {
    const start = startOfRecord(stream, kafkaRecord(), '42');
    expect(startAfter(start, undefined)).toBe(start);
    const [input, retry] = start.args;
    const args = [{ ...input, after: 'test-41-6' }, retry];
    expect(startAfter(start, 'test-41-6')).toEqual({ ...start, args });
  });

  test('names the trace in the memo if the record has one', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const record = kafkaRecord({ headers: [['traceparent', Buffer.from(traceparent)]] });
    expect(startOfRecord(stream, record, '42').memo).toMatchObject({ traceparent });
    const reason = { type: 'InvalidJson', message: 'no' } as const;
    expect(startOfInvalidRecord(stream, record, reason).memo).toMatchObject({ traceparent });
    const broken = kafkaRecord({ headers: [['traceparent', Buffer.from('00-zz')]] });
    expect(startOfRecord(stream, broken, '42').memo).not.toHaveProperty('traceparent');
  });

  test("names a user's own workflow and follows the stream's id template", () => {
    const own = testStream({
      workflow: { type: 'enrich', workflowsPath: '/app/workflows.js' },
      workflowId: '{stream}/{messageId}/{partition}/{offset}',
    });
    expect(startOfRecord(own, kafkaRecord({ partition: 5 }), '42')).toMatchObject({
      workflowType: 'enrich',
      workflowId: 'test/42/5/7',
    });
  });

  test('keeps fields in the value that the schema does not name', () => {
    const value = Buffer.from('{"id": "42",  "unnamed": [1.0, "x"]}');
    const [input] = startOfRecord(stream, kafkaRecord({ value }), '42').args;
    expect(input.content).toMatchObject({ value: value.toString() });
  });
});

describe('the size limit', () => {
  test.each(['x', '"', '\u0001', '\u007f', 'é', '😀'])(
    'allows content of exactly the limit, made of %j',
    (character) => {
      const start = startOfRecord(stream, recordOf(MAX_CONTENT_BYTES, character), '42');
      expect(start.workflowType).toBe('deliverRecord');
      expect(jsonBytes(start.args)).toBeLessThan(temporalLimit);
    },
  );

  test.each(['x', '"', '\u0001', 'é'])(
    'makes content of one byte more a dead letter by reference, made of %j',
    (character) => {
      const record = recordOf(MAX_CONTENT_BYTES + 1, character);
      const start = startOfRecord(stream, record, '42');
      expect(start).toMatchObject({
        workflowType: 'invalidRecord',
        workflowId: 'test-invalid-topic-0-7',
        memo: { messageId: null, offset: 7 },
        args: [
          {
            reason: { type: 'RecordTooLarge' },
            content: { byReference: true, bytes: record.value!.length },
          },
        ],
      });
      expect(jsonBytes(start.args)).toBeLessThan(2_000);
    },
  );

  test('counts bytes that are not UTF-8 as base64', () => {
    const fits = kafkaRecord({ value: Buffer.alloc(1_500_000, 0xff) });
    const over = kafkaRecord({ value: Buffer.alloc(1_560_000, 0xff) });
    expect(startOfRecord(stream, fits, '42').workflowType).toBe('deliverRecord');
    expect(startOfRecord(stream, over, '42').workflowType).toBe('invalidRecord');
  });

  test.each([
    ['key', { key: Buffer.alloc(MAX_CONTENT_BYTES, 'x') }],
    ['headers', { headers: [['h', Buffer.alloc(MAX_CONTENT_BYTES, 'x')]] as [string, Buffer][] }],
    ['header names', { headers: [['h'.repeat(MAX_CONTENT_BYTES), null]] as [string, null][] }],
    ['many headers of nothing', { headers: new Array<[string, null]>(300_000).fill(['', null]) }],
    [
      'many small binary headers',
      { headers: new Array<[string, Buffer]>(120_000).fill(['', Buffer.of(0xff)]) },
    ],
  ])('counts the %s as well', (_, large: Partial<KafkaRecord>) => {
    const record = kafkaRecord(large);
    expect(jsonBytes(encodeContent(record))).toBeGreaterThan(MAX_CONTENT_BYTES);
    expect(startOfRecord(stream, record, '42').workflowType).toBe('invalidRecord');
  });
});

describe('the start of an invalid record', () => {
  const reason = { type: 'InvalidJson', message: 'not JSON' } as const;

  test('holds the record and the reason', () => {
    const record = kafkaRecord({ value: Buffer.from('{nope') });
    const { topic, partition, offset, timestamp } = record;
    const position = { stream: 'test', topic, partition, offset, timestamp };
    expect(startOfInvalidRecord(stream, record, reason)).toEqual({
      workflowType: 'invalidRecord',
      workflowId: 'test-invalid-topic-0-7',
      furtherIds: ['test-invalid-topic-0-7~1700000000123'],
      args: [{ ...position, content: encodeContent(record), reason }],
      memo: { ...position, messageId: null },
    });
  });

  test("uses the framework's workflow even if the stream has its own", () => {
    const own = testStream({ workflow: { type: 'enrich', workflowsPath: '/app/workflows.js' } });
    expect(startOfInvalidRecord(own, kafkaRecord(), reason).workflowType).toBe('invalidRecord');
  });

  test('holds a reference to a record that is too large', () => {
    const record = kafkaRecord({ key: Buffer.alloc(10), value: Buffer.alloc(2_100_000, '{') });
    const [{ content }] = startOfInvalidRecord(stream, record, reason).args;
    expect(content).toEqual({ byReference: true, bytes: 2_100_010 });
  });

  test('holds a reference to a record that Temporal refused', () => {
    const rejected = { type: 'RejectedByTemporal', message: 'no' } as const;
    const [{ content }] = startOfInvalidRecord(stream, kafkaRecord(), rejected).args;
    expect(content).toEqual({ byReference: true, bytes: 11 });
  });
});
