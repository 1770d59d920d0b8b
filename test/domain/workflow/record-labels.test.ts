import { kafkaRecord } from '../support/records';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { isLabelled, keyLabel, labelsOf } from '../../../src/domain/workflow/record-labels';

const stream = { messageId: (message: unknown) => (message as { orderId: string }).orderId };
const labels = (value: string | Buffer | null, key: Buffer | null = null) =>
  labelsOf(
    stream,
    kafkaRecord({ key, value: typeof value === 'string' ? Buffer.from(value) : value }),
  );

test.each([
  ['the id that the messageId function reads', '{"orderId":"o-7","id":"other"}', 'o-7'],
  ['the field id if the messageId function reads nothing', '{"id":"px7"}', 'px7'],
  ['a number', '{"id":42}', '42'],
  ['zero', '{"id":0}', '0'],
  ['a fraction', '{"id":1.5}', '1.5'],
  ['an id with a line break, on one line', '{"id":"a\\nb"}', 'a\ufffdb'],
])('the raw id is %s', (_, value, rawId) => {
  expect(labels(value)).toEqual({ rawId });
});

test.each([
  ['is no JSON', '{"id":'],
  ['is no object', '"px7"'],
  ['is null', null],
  ['has an integer that JavaScript has rounded', '{"id":9007199254740993}'],
  ['has an id that is an object', '{"id":{"a":1}}'],
  ['has an empty id', '{"id":""}'],
])('there is no raw id if the value %s', (_, value) => {
  expect(labels(value)).toEqual({});
});

test('the raw id is the field id if the messageId function throws', () => {
  const throwing = {
    messageId: (): string => {
      throw new Error('no header');
    },
  };
  const value = Buffer.from('{"id":"px7"}');
  expect(labelsOf(throwing, kafkaRecord({ key: Buffer.from('k'), value }))).toEqual({
    key: 'k',
    rawId: 'px7',
  });
});

test('labelsOf reads an id that stands in a header', () => {
  const byHeader = { messageId: (_: unknown, { headers }: KafkaRecord) => String(headers[0]![1]) };
  const record = kafkaRecord({
    value: Buffer.from('{"id":1}'),
    headers: [['id', Buffer.from('h')]],
  });
  expect(labelsOf(byHeader, record)).toEqual({ rawId: 'h' });
});

test('keyLabel shows a key as printable text, or as hexadecimal digits if it is not UTF-8', () => {
  expect(keyLabel(null)).toBeUndefined();
  expect(keyLabel(Buffer.alloc(0))).toBe('');
  expect(keyLabel(Buffer.from('Zoë'))).toBe('Zoë');
  expect(keyLabel(Buffer.from('a\u001b[2J\u202eb'))).toBe('a\ufffd[2J\ufffdb');
  expect(keyLabel(Buffer.from([0xff, 0x00, 0x10]))).toBe('0xff0010');
});

test('a label is cut to a length, and the whole text still finds it', () => {
  const long = 'ü'.repeat(1_000);
  const key = keyLabel(Buffer.from(long))!;
  expect(Buffer.byteLength(key)).toBeLessThanOrEqual(255);
  expect(keyLabel(Buffer.alloc(1_000, 0xff))!.length).toBeLessThanOrEqual(255);
  expect(isLabelled({ key }, long)).toBe(true);
  expect(isLabelled({ key }, 'ü')).toBe(false);
  expect(isLabelled({}, 'undefined')).toBe(false);
});

test('a label takes 255 bytes at most when the text consists of control characters', () => {
  const long = '\u0001'.repeat(1_000);
  const key = keyLabel(Buffer.from(long))!;
  expect(Buffer.byteLength(key)).toBe(255);
  expect(isLabelled({ key }, long)).toBe(true);
});
