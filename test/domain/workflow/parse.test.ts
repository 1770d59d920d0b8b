import fc from 'fast-check';
import { z } from 'zod';
import { messageSchema } from '../../../src/domain/record/message';
import type { KafkaRecord } from '../../../src/domain/record/record';
import { DeliveryError } from '../../../src/domain/errors';
import {
  parseNow,
  parseOrThrow,
  parseRecord,
  withoutFilters,
} from '../../../src/domain/workflow/parse';
import { defineStream, type AnyStream } from '../../../src/domain/stream/stream';
import { bytes, kafkaRecord, nullableBytes, testStream } from '../support/records';

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
  return parseNow(stream, kafkaRecord({ value: Buffer.from(text) }));
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

  test("gives the result of the schema's transforms", () => {
    const stream = defineStream({
      name: 's',
      topic: 't',
      schema: z.object({ n: z.string().transform(Number) }),
      messageId: ({ n }) => `n${n + 1}`,
      sink,
    });
    expect(parse(stream, { n: '41' })).toEqual({ ok: true, messageId: 'n42', message: { n: 41 } });
  });

  test("may be decoded by the stream's own decoder, which gets the whole record", () => {
    const stream = testStream({
      decode: (value, { key, partition }) => ({
        id: `${String(key)}/${partition}/${String(value)}`,
      }),
    });
    const record = kafkaRecord({ key: Buffer.from('k'), partition: 3, value: Buffer.from('v') });
    expect(parseNow(stream, record)).toMatchObject({ ok: true, messageId: 'k/3/v' });
  });
});

describe('an invalid record', () => {
  test('NullValue: a tombstone', () => {
    const result = parseNow(reference, kafkaRecord({ value: null }));
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
    const result = parseNow(testStream(), kafkaRecord({ value: Buffer.from(value) }));
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidJson' } });
  });

  test("DecodeFailed: a value that the stream's decoder refuses", () => {
    const stream = testStream({
      decode: () => {
        throw new Error('no magic byte');
      },
    });
    expect(parse(stream, {})).toEqual({
      ok: false,
      reason: { type: 'DecodeFailed', message: 'no magic byte' },
    });
  });

  test.each(['id', 'type', 'occurredAt', 'payload'])(
    'SchemaMismatch: a message without %s, and the reason names the field',
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
    ['a fraction', 7.5, '7.5'],
    ['a number beyond what is exact', 2 ** 53, '9007199254740992'],
    ['not a number', NaN, 'NaN'],
    ['a bigint', 7n, 'bigint'],
    ['a promise', Promise.resolve('7'), 'promise'],
    ['a promise that rejects', Promise.reject(new Error('no')), 'promise'],
    ['an object', {}, 'object'],
    ['absent', undefined, 'undefined'],
  ])('InvalidMessageId: %s', (_, id, named) => {
    const stream = testStream({ messageId: () => id as string });
    const result = parse(stream, { id: 'any' });
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidMessageId' } });
    expect((result as { reason: { message: string } }).reason.message).toContain(named);
  });

  test('InvalidMessageId: a lone surrogate that is escaped in JSON', () => {
    const result = parse(reference, JSON.stringify(message).replace('"42"', '"4\\ud83d2"'));
    expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidMessageId' } });
  });

  test("a reason is cut to a length and well-formed, whatever the schema's message is", () => {
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
        expect(typeof parseNow(reference, kafkaRecord({ value })).ok).toBe('boolean');
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

  test('on any JSON value in place of a field', () => {
    const key = fc.constantFrom('id', 'type', 'occurredAt', 'payload', '__proto__');
    fc.assert(
      fc.property(key, fc.jsonValue(), (name, value) => {
        expect(typeof parse(reference, { ...message, [name]: value }).ok).toBe('boolean');
      }),
    );
  });

  test('when the schema, the decoder or the messageId function throws anything', () => {
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
        const result = parseNow(stream, kafkaRecord({ value: text }));
        expect(result.ok).toBe(false);
        expect(typeof (result as { reason: { message: unknown } }).reason.message).toBe('string');
      }),
    );
  });
});

describe('a message id', () => {
  test.each([
    [7, '7'],
    [-3, '-3'],
    [0, '0'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('that is the safe integer %d becomes a string of its digits', (id, messageId) => {
    const stream = testStream({ messageId: () => id });
    expect(parse(stream, { id: 'any' })).toMatchObject({ ok: true, messageId });
  });

  test.each([new TypeError("Cannot read properties of undefined (reading 'id')"), 'text', null])(
    'is named in the reason when its function throws %p',
    (error) => {
      const stream = testStream({
        messageId: () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- users may
          throw error;
        },
      });
      const result = parse(stream, { id: '1' });
      expect(result).toMatchObject({ ok: false, reason: { type: 'InvalidMessageId' } });
      const { reason } = result as { reason: { message: string } };
      expect(reason.message).toMatch(/^the stream's messageId threw: /);
    },
  );
});

describe('a record that the stream skips', () => {
  test('has no value, and the stream has onNull skip', () => {
    const stream = testStream({ onNull: 'skip' });
    expect(parseNow(stream, kafkaRecord({ value: null }))).toMatchObject({
      ok: false,
      filtered: true,
      reason: { type: 'NullValue', message: expect.stringContaining('onNull') as string },
    });
  });

  test.each(['', 'null', '{}'])('does not have the value %j', (value) => {
    const stream = testStream({ onNull: 'skip' });
    const result = parseNow(stream, kafkaRecord({ value: Buffer.from(value) }));
    expect(result).toMatchObject({ ok: false, reason: expect.anything() as object });
    expect(result).not.toHaveProperty('filtered');
  });

  const json = kafkaRecord({ offset: 7, value: Buffer.from('{"id":"1"}') });
  const skips = (name: 'accept' | 'filter') => ({
    ...{ ok: false, filtered: true },
    reason: { type: 'Filtered', message: `the stream's ${name} returned false` },
  });

  test('is one that accept refuses, before it is decoded, also without a value', () => {
    const decode = () => {
      throw new Error('it is Avro');
    };
    const seen: number[] = [];
    const accept = ({ offset }: KafkaRecord) => {
      seen.push(offset);
      return offset !== 7;
    };
    const stream = testStream({ accept, decode });
    expect(parseNow(stream, json)).toEqual(skips('accept'));
    expect(parseNow(stream, { ...json, value: null })).toEqual(skips('accept'));
    expect(parseNow(stream, { ...json, offset: 8 })).toMatchObject({
      reason: { type: 'DecodeFailed' },
    });
    expect(seen).toEqual([7, 7, 8]);
  });

  test('is one that filter refuses, though the message has no id that counts', () => {
    const stream = testStream({
      filter: ({ id }, { offset }) => id !== '' && offset === 8,
      messageId: ({ id }) => id,
    });
    const withId = (id: string, offset: number) =>
      parseNow(stream, { ...json, offset, value: Buffer.from(JSON.stringify({ id })) });
    expect(withId('', 8)).toEqual(skips('filter'));
    expect(withId('1', 7)).toEqual(skips('filter'));
    expect(withId('1', 8)).toMatchObject({ ok: true, messageId: '1' });
  });

  test('is not asked of a message that does not match the schema', () => {
    const stream = testStream({ filter: () => false });
    const bad = { ...json, value: Buffer.from('{"id":1}') };
    expect(parseNow(stream, bad)).toMatchObject({ reason: { type: 'SchemaMismatch' } });
  });

  test('is skipped by a filter behind an asynchronous decode and an asynchronous schema', async () => {
    const schema = z.object({ id: z.string().refine(() => Promise.resolve(true)) });
    const decode = (bytes: Buffer) => Promise.resolve(JSON.parse(String(bytes)) as unknown);
    const filter = () => false;
    for (const stream of [testStream({ decode, filter }), testStream({ schema, filter })]) {
      await expect(parseRecord(stream, json)).resolves.toEqual(skips('filter'));
    }
  });

  test('is taken by withoutFilters', () => {
    const stream = testStream({ accept: () => false, filter: () => false });
    expect(parseNow(withoutFilters(stream), json)).toMatchObject({ ok: true, messageId: '1' });
  });

  const odd: [unknown, string][] = [
    [undefined, 'undefined'],
    [null, 'null'],
    [0, 'number'],
    ['', 'string'],
    [Promise.resolve(false), 'a promise'],
  ];
  test.each(
    (['accept', 'filter'] as const).flatMap((name) => odd.map((one) => [name, ...one] as const)),
  )('does not vanish if %s returns %p by mistake', (name, answer, what) => {
    const stream = testStream({ [name]: () => answer });
    expect(parseNow(stream, json)).toEqual({
      ok: false,
      reason: {
        type: 'FilterFailed',
        message: `the stream's ${name} returned ${what}; it must return true or false`,
      },
    });
  });

  test.each(['accept', 'filter'] as const)('does not vanish if %s throws', (name) => {
    const throwing = (error: Error) => ({
      [name]: () => {
        throw error;
      },
    });
    expect(parseRecord(testStream(throwing(new TypeError('no key'))), json)).toEqual({
      ok: false,
      reason: { type: 'FilterFailed', message: `the stream's ${name} threw: no key` },
    });
    const away = new DeliveryError('Transient', 'no flags');
    expect(parseRecord(testStream(throwing(away)), json)).toMatchObject({
      failing: { type: 'Transient', message: 'no flags' },
    });
  });
});

test('a message id may stand in the record: its key, a header or its place', () => {
  const stream = testStream({
    messageId: ({ id }, { key, headers, partition, offset }) =>
      [id, key, headers[0]![1], partition, offset].map(String).join('/'),
  });
  const headers: KafkaRecord['headers'] = [['tenant', Buffer.from('t')]];
  const place = { partition: 3, offset: 9, key: Buffer.from('k'), headers };
  const record = kafkaRecord({ ...place, value: Buffer.from('{"id":"1"}') });
  expect(parseNow(stream, record)).toMatchObject({ ok: true, messageId: '1/k/t/3/9' });
});

describe('code of the stream that returns a promise', () => {
  const value = Buffer.from('{"id":"1"}');
  const record = kafkaRecord({ value });
  const json = (bytes: Buffer) => JSON.parse(String(bytes)) as unknown;
  const valid = { ok: true, messageId: '1', message: { id: '1' } };

  test('is awaited: decode', async () => {
    const result = parseRecord(
      testStream({ decode: (bytes) => Promise.resolve(json(bytes)) }),
      record,
    );
    expect(result).toBeInstanceOf(Promise);
    await expect(result).resolves.toEqual(valid);
  });

  test('is awaited: an object with a method then', async () => {
    const stream = testStream({
      decode: (bytes) => ({ then: (use: (message: unknown) => void) => use(json(bytes)) }),
    });
    await expect(parseRecord(stream, record)).resolves.toEqual(valid);
  });

  test.each([true, false])('is awaited: a refinement that resolves to %s', async (takes) => {
    const stream = testStream({
      schema: z.object({ id: z.string().refine(() => Promise.resolve(takes)) }),
    });
    for (let time = 1; time <= 2; time++) {
      await expect(parseRecord(stream, record)).resolves.toMatchObject(
        takes ? valid : { ok: false, reason: { type: 'SchemaMismatch' } },
      );
    }
  });

  test('makes parseRecord return a promise only if the code returns one', () => {
    expect(parseRecord(testStream({ decode: json }), record)).toEqual(valid);
    expect(parseRecord(testStream(), record)).toEqual(valid);
  });

  test.each([new Error('no magic byte'), 'text', null, new DeliveryError('Permanent', 'broken')])(
    'makes the record invalid when it rejects with %p',
    async (error) => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- users do
      const stream = testStream({ decode: () => Promise.reject(error) });
      await expect(parseRecord(stream, record)).resolves.toMatchObject({
        ok: false,
        reason: { type: 'DecodeFailed' },
      });
    },
  );
});

describe('code of the stream that fails for now', () => {
  const busy = new DeliveryError('Throttled', 'slow down', { retryAfterMs: 500 });
  const fail = (): never => {
    throw busy;
  };
  const failing = { type: 'Throttled', message: 'slow down', retryAfterMs: 500 };

  test.each([
    ['decode', { decode: fail }],
    ['an asynchronous decode', { decode: () => Promise.reject(busy) }],
    ['messageId', { messageId: fail }],
    ['the schema', { schema: z.object({ id: z.string().refine(fail) }) }],
    [
      'an asynchronous schema',
      { schema: z.object({ id: z.string().refine(() => Promise.resolve().then(fail)) }) },
    ],
  ])('does not make the record invalid: %s', async (_, options) => {
    const stream = testStream(options);
    await expect(Promise.resolve(parseRecord(stream, kafkaRecord()))).resolves.toEqual({
      ok: false,
      failing,
    });
    await expect(parseOrThrow(stream, kafkaRecord())).rejects.toMatchObject({ type: 'Throttled' });
  });
});
