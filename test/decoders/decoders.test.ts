import { z } from 'zod';
import { cloudEvents } from '../../src/decoders/cloud-events';
import { outbox } from '../../src/decoders/outbox';
import { parseNow } from '../../src/domain/workflow/parse';
import type { KafkaRecord } from '../../src/domain/record/record';
import { defineStream } from '../../src/domain/stream/stream';
import { kafkaRecord } from '../domain/support/records';
import foreignEvents from './foreign-events.json';

const sink = () => Promise.resolve();
const bytes = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));

/** A record that another program has written; key, header values and value are Base64. */
function foreign(name: string): KafkaRecord {
  const { key, headers, value } = foreignEvents.find((one) => one.name === name)!;
  return kafkaRecord({
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, text]) => [name!, bytes(text!)] as [string, Buffer]),
  });
}

describe('cloudEvents', () => {
  const stream = defineStream({ name: 'events', topic: 'events', ...cloudEvents(), sink });
  const event = {
    ...{ specversion: '1.0', id: '1', source: '/shop/a', type: 'order.created', subject: 'o-1' },
    time: expect.stringMatching(/^2026-11-30T10:00:00\.\d+(Z|\+01:00)$/) as string,
  };
  const order = { total: 1.5 };
  const two = Buffer.from([0, 255]);

  test.each<[string, object]>([
    ['python binary json', { data: { total: 1.5, text: 'ä😀' } }],
    ['python binary bytes', { data: two }],
    ['python binary without data', { data: undefined }],
    ['python structured', { data: { total: 1.5, text: 'ä😀' }, partitionkey: 'o-1' }],
    ['python structured bytes', { data: two }],
    ['js binary json', { data: order, partitionkey: 'o-1' }],
    ['js binary text', { data: 'hello', datacontenttype: 'text/plain' }],
    ['js structured', { data: order }],
    ['js structured text', { data: 'hello' }],
    ['js structured bytes', { data: two, datacontenttype: 'application/octet-stream' }],
    ['java binary json', { data: order, datacontenttype: 'application/json', seq: '7' }],
    ['java binary bytes', { data: two }],
    ['java binary without content type', { data: order }],
    ['java structured json', { data: order, seq: 7 }],
    ['java structured bytes', { data: two }],
    ['java structured without data', {}],
    ['java structured without content type', { data: order }],
  ])('read what other programs write: %s', (name, expected) => {
    expect(parseNow(stream, foreign(name))).toMatchObject({
      ...{ ok: true, messageId: '/shop/a|1' },
      message: { ...event, ...expected },
    });
  });

  test.each(['js binary no data', 'java binary without data'])(
    'leave an event without data to onNull: %s',
    (name) => {
      expect(parseNow(stream, foreign(name))).toMatchObject({ reason: { type: 'NullValue' } });
    },
  );

  test('check the data', () => {
    const data = z.object({ total: z.number() });
    const orders = defineStream({ name: 's', topic: 't', ...cloudEvents({ data }), sink });
    const total = ({ message }: ReturnType<typeof parse>) =>
      (message as { data: { total: number } }).data.total;
    const parse = (name: string) => parseNow(orders, foreign(name)) as { message: unknown };
    expect(total(parse('java binary json'))).toBe(1.5);
    expect(parse('js binary text')).toMatchObject({ reason: { type: 'SchemaMismatch' } });
  });

  const record = (value: string, headers: Record<string, string> = {}) =>
    kafkaRecord({
      value: Buffer.from(value),
      headers: Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
    });
  const required = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 't' };

  test.each<[string, KafkaRecord, string, RegExp]>([
    ['no event', record('{"id":"1"}'), 'DecodeFailed', /it is no CloudEvent/],
    ['no object', record('7'), 'DecodeFailed', /it is no CloudEvent/],
    [
      'a batch',
      record('[]', { 'content-type': 'application/cloudevents-batch+json' }),
      'DecodeFailed',
      /must hold one event/,
    ],
    [
      'a Protobuf event',
      record('x', { 'content-type': 'application/cloudevents+protobuf' }),
      'DecodeFailed',
      /as application\/cloudevents\+json/,
    ],
    [
      'another version',
      record('1', { ...required, ce_specversion: '0.3' }),
      'SchemaMismatch',
      /specversion/,
    ],
    ['no id', record('1', { ...required, ce_id: '' }), 'SchemaMismatch', /id/],
    [
      'a source that is no URI',
      record('1', { ...required, ce_source: 'a|b' }),
      'SchemaMismatch',
      /URI reference/,
    ],
    [
      'a time that is none',
      record('1', { ...required, ce_time: 'yesterday' }),
      'SchemaMismatch',
      /time/,
    ],
    [
      'data that is not what it says',
      record('{', { ...required, 'content-type': 'application/json' }),
      'DecodeFailed',
      /JSON/,
    ],
  ])('refuse %s', (_, given, type, message) => {
    expect(parseNow(stream, given)).toMatchObject({
      reason: { type, message: expect.stringMatching(message) as string },
    });
  });

  test('take the last of two equal headers, and an attribute called __proto__ as any other', () => {
    const twice = record('1', required);
    twice.headers.push(['ce_id', Buffer.from('2')], ['ce___proto__', Buffer.from('x')]);
    const parsed = parseNow(stream, twice);
    expect(parsed).toMatchObject({ ok: true, messageId: '/s|2' });
    expect(Object.getPrototypeOf((parsed as { message: object }).message)).toBe(Object.prototype);
  });
});

describe('outbox', () => {
  const payload = z.object({ orderId: z.string(), total: z.number() });
  const stream = defineStream({
    ...{ name: 'orders', topic: 'outbox.event.order', sink },
    ...outbox({ payload }),
  });
  const id = '406c07f3-26f0-4eea-a50c-109940064b8f';

  test.each(
    ['plain', 'placement', 'expand'].flatMap((mode) =>
      ['string', 'json', 'json-schemas', 'bytes'].map((converter) => [mode, converter]),
    ),
  )('reads what the Outbox Event Router writes: %s, converter %s', (mode, converter) => {
    const parsed = parseNow(stream, foreign(`debezium ${mode} ${converter}`));
    if (mode === 'expand' && converter === 'string') {
      // StringConverter writes an expanded payload as "Struct{…}", which nobody can read.
      expect(parsed).toMatchObject({ reason: { type: 'DecodeFailed' } });
      return;
    }
    expect(parsed).toEqual({
      ...{ ok: true, messageId: id },
      message: {
        ...{ id, key: 'o-1', payload: { orderId: 'o-1', total: 1.5 } },
        headers: { id, ...(mode !== 'plain' && { eventType: 'OrderCreated' }) },
      },
    });
  });

  test('refuses a record without the header, and says which header it misses', () => {
    const bare = kafkaRecord({ value: Buffer.from('{"orderId":"1","total":1}') });
    const expected = {
      reason: {
        type: 'SchemaMismatch',
        message: expect.stringContaining('the record has no header id') as string,
      },
    };
    expect(parseNow(stream, bare)).toMatchObject(expected);
  });

  test('reads the id from a header of another name', () => {
    const renamed = defineStream({
      ...{ name: 'orders', topic: 't', sink },
      ...outbox({ idHeader: 'eventId' }),
    });
    const record = kafkaRecord({
      value: Buffer.from('1'),
      headers: [['eventId', Buffer.from('e')]],
    });
    expect(parseNow(renamed, record)).toMatchObject({
      ...{ ok: true, messageId: 'e' },
      message: { payload: 1 },
    });
  });
});
