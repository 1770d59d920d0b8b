import fc from 'fast-check';
import { decodeBytes, encodeBytes } from '../../../src/domain/record/encoded-bytes';
import {
  decodeContent,
  describePosition,
  encodeContent,
  isSameRecord,
} from '../../../src/domain/record/record';
import { bytes, kafkaRecord, kafkaRecords } from '../support/records';

/** Converts a workflow's input as Temporal's data converter does. */
function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

describe('encodeBytes', () => {
  test('keeps text readable', () => {
    expect(encodeBytes(Buffer.from('{"id":"é😀"}'))).toBe('{"id":"é😀"}');
  });

  test.each([
    ['a byte that UTF-8 does not know', [0xff]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a character that is cut off', [0xf0, 0x9f, 0x98]],
  ])('keeps %s as base64', (_, odd) => {
    const buffer = Buffer.from(odd);
    expect(encodeBytes(buffer)).toEqual({ base64: buffer.toString('base64') });
  });

  test('encodes only its own part of a shared buffer', () => {
    const shared = Buffer.from('xxABCxx');
    expect(encodeBytes(shared.subarray(2, 5))).toBe('ABC');
    expect(encodeBytes(new Uint8Array(shared.buffer, shared.byteOffset + 2, 3))).toBe('ABC');
  });

  test('loses no byte, and no byte order mark', () => {
    fc.assert(
      fc.property(bytes, (original) => {
        expect(decodeBytes(throughJson(encodeBytes(original)))).toEqual(original);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('encodeContent and decodeContent', () => {
  test('return every record unchanged', () => {
    fc.assert(
      fc.property(kafkaRecords, (record) => {
        const { topic, partition, offset, timestamp } = record;
        const envelope = {
          ...{ stream: 's', topic, partition, offset, timestamp },
          content: encodeContent(record),
        };
        expect(decodeContent(throughJson(envelope))).toEqual(record);
      }),
      { numRuns: 500 },
    );
  });

  test('keep null apart from empty in key, value and headers', () => {
    const empty = Buffer.alloc(0);
    expect(encodeContent(kafkaRecord({ key: null, value: null, headers: [['h', null]] }))).toEqual({
      key: null,
      value: null,
      headers: [['h', null]],
    });
    expect(
      encodeContent(kafkaRecord({ key: empty, value: empty, headers: [['h', empty]] })),
    ).toEqual({ key: '', value: '', headers: [['h', '']] });
  });

  test('keep the order and the repetitions of headers', () => {
    const headers: [string, Buffer | null][] = [
      ['b', Buffer.from('1')],
      ['a', Buffer.from('2')],
      ['b', Buffer.from('3')],
      ['__proto__', Buffer.from('4')],
    ];
    const content = throughJson(encodeContent(kafkaRecord({ headers })));
    expect(decodeContent({ ...kafkaRecord(), stream: 's', content })?.headers).toEqual(headers);
  });

  test('decode content by reference to undefined', () => {
    const content = { byReference: true, bytes: 3_000_000 } as const;
    expect(decodeContent({ ...kafkaRecord(), stream: 's', content })).toBeUndefined();
  });
});

test('isSameRecord ignores the trace in the memo', () => {
  const { topic, partition, offset, timestamp } = kafkaRecord();
  const memo = { stream: 's', messageId: '42', topic, partition, offset, timestamp };
  expect(isSameRecord(memo, { ...memo, traceparent: 'x' })).toBe(true);
  expect(isSameRecord({ ...memo, traceparent: 'x' }, memo)).toBe(true);
});

test('describePosition names topic, partition and offset', () => {
  expect(describePosition(kafkaRecord({ topic: 't', partition: 2, offset: 9 }))).toBe('t/2@9');
});
