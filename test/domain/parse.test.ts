import fc from 'fast-check';
import { z } from 'zod';
import { messageSchema } from '../../src/domain/message';
import { parseRecord } from '../../src/domain/parse';
import { defineStream, type AnyStream } from '../../src/domain/stream';
import { bytes, kafkaRecord, nullableBytes, testStream } from './support/records';

const sink = () => Promise.resolve();
const reference = defineStream({ name: 'aws', topic: 't', schema: messageSchema, sink });
const message = {
  id: '42',
  type: 'order.created',
  occurredAt: '2026-11-23T20:00:00Z',
  payload: {},
};

function parse(stream: AnyStream, value: unknown) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return parseRecord(stream, kafkaRecord({ value: Buffer.from(text) }));
}

describe('a valid record', () => {
  test('gives its message id and its message', () => {
    expect(parse(reference, message)).toEqual({ ok: true, messageId: '42', message });
  });

  test.each([null, 0, 'text', [1, [2]], { deep: { er: [null] } }])(
    'may carry payload %j',
    (payload) => {
      expect(parse(reference, { ...message, payload })).toMatchObject({ ok: true });
    },
  );

  test('may have keys that the schema does not name', () => {
    expect(parse(reference, { ...message, source: 'shop' })).toMatchObject({ ok: true });
  });

  test.each(['x', 'x'.repeat(1024), ' ', '../..', 'é', '😀', '\u0000'])(
    'may have the id %j',
    (id) => {
      expect(parse(reference, { ...message, id })).toMatchObject({ ok: true, messageId: id });
    },
  );

  test('gives what the schema made of the value', () => {
    const stream = defineStream({
      name: 's',
      topic: 't',
      schema: z.object({ n: z.string().transform(Number) }),
      messageId: ({ n }) => `n${n + 1}`,
      sink,
    });
    expect(parse(stream, { n: '41' })).toEqual({ ok: true, messageId: 'n42', message: { n: 41 } });
  });

  test('may have a decoder of its own, which sees the whole record', () => {
    const stream = testStream({
      decode: (value, { key, partition }) => ({
        id: `${String(key)}/${partition}/${String(value)}`,
      }),
    });
    const record = kafkaRecord({ key: Buffer.from('k'), partition: 3, value: Buffer.from('v') });
    expect(parseRecord(stream, record)).toMatchObject({ ok: true, messageId: 'k/3/v' });
  });
});

describe('an invalid record', () => {
  test('NullValue: a tombstone', () => {
    const result = parseRecord(reference, kafkaRecord({ value: null }));
    expect(result).toEqual({
      ok: false,
      reason: { type: 'NullValue', message: 'the record has no value' },
    });
  });

  test.each([
    ['an empty value', []],
    ['text', [...Buffer.from('hello')]],
    ['JSON that is cut off', [...Buffer.from('{"id":')]],
    ['bytes that are not UTF-8', [0x7b, 0xff, 0x7d]],
    ['a byte order mark before the JSON', [0xef, 0xbb, 0xbf, ...Buffer.from('{"id":"1"}')]],
  ])('InvalidJson: %s', (_, value) => {
    const result = parseRecord(testStream(), kafkaRecord({ value: Buffer.from(value) }));
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidJson' } });
  });

  test('InvalidJson: what the stream cannot decode', () => {
    const stream = testStream({
      decode: () => {
        throw new Error('no magic byte');
      },
    });
    expect(parse(stream, {})).toEqual({
      ok: false,
      reason: { type: 'InvalidJson', message: 'no magic byte' },
    });
  });

  test.each(['id', 'type', 'occurredAt', 'payload'])(
    'SchemaMismatch: without %s, by name',
    (key) => {
      const result = parse(reference, { ...message, [key]: undefined });
      expect(result).toMatchObject({ ok: false, reason: { type: 'SchemaMismatch' } });
      expect((result as { reason: { message: string } }).reason.message).toContain(key);
    },
  );

  test.each([
    ['an empty id', { id: '' }],
    ['an id of 1,025 characters', { id: 'x'.repeat(1025) }],
    ['a number for an id', { id: 42 }],
    ['a time without zone', { occurredAt: '2026-11-23T20:00:00' }],
  ])('SchemaMismatch: %s', (_, wrong) => {
    const result = parse(reference, { ...message, ...wrong });
    expect(result).toMatchObject({ ok: false, reason: { type: 'SchemaMismatch' } });
  });

  test.each(['null', '[]', '"text"', '1'])('SchemaMismatch: %s is no message', (json) => {
    expect(parse(reference, json)).toMatchObject({ ok: false, reason: { type: 'SchemaMismatch' } });
  });

  test.each([
    ['empty', '', 'empty'],
    ['too long', 'x'.repeat(1025), '1025'],
    ['a lone surrogate', 'a\ud800b', 'Unicode'],
    ['a number', 7, 'number'],
    ['absent', undefined, 'undefined'],
  ])('InvalidMessageId: %s', (_, id, named) => {
    const stream = testStream({ messageId: () => id as string });
    const result = parse(stream, { id: 'any' });
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidMessageId' } });
    expect((result as { reason: { message: string } }).reason.message).toContain(named);
  });

  test('InvalidMessageId: a lone surrogate that JSON wrote as an escape', () => {
    const result = parse(reference, JSON.stringify(message).replace('"42"', '"4\\ud83d2"'));
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidMessageId' } });
  });

  test('a reason is of bounded length and well-formed, whatever the schema says', () => {
    const stream = testStream({
      schema: z.object({ id: z.string().refine(() => false, `${'x'.repeat(1_997)}😀 and more`) }),
    });
    const result = parse(stream, { id: '1' });
    const { reason } = result as { reason: { message: string } };
    expect(reason.message.length).toBeLessThan(2_100);
    expect(reason.message.isWellFormed()).toBe(true);
  });
});

describe('parseRecord never throws', () => {
  test('on any bytes', () => {
    fc.assert(
      fc.property(nullableBytes, (value) => {
        expect(typeof parseRecord(reference, kafkaRecord({ value })).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });

  test('on any JSON', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (value) => {
        expect(typeof parse(reference, value).ok).toBe('boolean');
      }),
    );
  });

  test('on any valid JSON in place of a field', () => {
    const key = fc.constantFrom('id', 'type', 'occurredAt', 'payload', '__proto__');
    fc.assert(
      fc.property(key, fc.jsonValue(), (name, value) => {
        expect(typeof parse(reference, { ...message, [name]: value }).ok).toBe('boolean');
      }),
    );
  });

  test('whatever the schema, the decoder or the message id throws', () => {
    const thrown = fc.oneof(
      fc.anything(),
      fc.constantFrom(new Error('no'), Object.create(null), Symbol('s'), {
        get message() {
          throw new Error('from a getter');
        },
      }),
    );
    const part = fc.constantFrom('schema', 'decode', 'messageId');
    fc.assert(
      fc.property(part, thrown, bytes, (name, error, value) => {
        const fail = (): never => {
          throw error;
        };
        const failing = name === 'schema' ? z.string().transform(fail) : z.string();
        const stream = defineStream({
          name: 's',
          topic: 't',
          schema: z.object({ id: failing }),
          ...(name !== 'schema' && { [name]: fail }),
          sink,
        });
        const text = name === 'decode' ? value : Buffer.from('{"id":"1"}');
        const result = parseRecord(stream, kafkaRecord({ value: text }));
        expect(result.ok).toBe(false);
        expect(typeof (result as { reason: { message: unknown } }).reason.message).toBe('string');
      }),
    );
  });

  test('with a schema that would have to wait', () => {
    const stream = testStream({
      schema: z.object({ id: z.string().refine(() => Promise.resolve(true)) }),
    });
    expect(parse(stream, { id: '1' })).toMatchObject({
      ok: false,
      reason: { type: 'SchemaMismatch' },
    });
  });
});
