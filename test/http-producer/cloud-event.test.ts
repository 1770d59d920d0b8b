import fc from 'fast-check';
import { draftOfBinary, draftOfStructured } from '../../src/http-producer/cloud-event';
import type { Draft } from '../../src/http-producer/draft';
import { messageSchema } from '../../src/domain/record/message';

const event = {
  specversion: '1.0',
  id: 'A-1',
  source: '/orders?x=1#y',
  type: 'order.created',
  time: '2026-01-31T12:00:00.5+01:00',
};
const structured = (json: object | string) =>
  draftOfStructured(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));

function valueOf(draft: Draft): string {
  if ('code' in draft) throw new Error(`${draft.code}: ${draft.detail}`);
  return String(draft.value);
}

test('a structured event becomes a message, and other attributes keep their names', () => {
  const draft = structured({ ...event, subject: 's', datacontenttype: 'application/json', ext: 7 });
  const message = JSON.parse(valueOf(draft)) as Record<string, unknown>;
  expect(message).toEqual({
    specversion: '1.0',
    id: '/orders?x=1#y|A-1',
    source: '/orders?x=1#y',
    type: 'order.created',
    occurredAt: '2026-01-31T12:00:00.5+01:00',
    payload: null,
    subject: 's',
    datacontenttype: 'application/json',
    ext: 7,
  });
  expect(messageSchema.safeParse(message).success).toBe(true);
});

test('the data of an event is kept byte for byte', () => {
  const json = `{"specversion":"1.0","id":"1","source":"s","type":"t","data": {"n": 12345678901234567890, "f": 1.0} }`;
  expect(valueOf(structured(json))).toContain('"payload":{"n": 12345678901234567890, "f": 1.0}');
});

test('binary data is kept in the field data_base64', () => {
  const { payload, data_base64: data } = JSON.parse(
    valueOf(structured({ ...event, data_base64: 'AAE=' })),
  ) as Record<string, unknown>;
  expect([payload, data]).toEqual([null, 'AAE=']);
});

test('an event without a time gets the current time', () => {
  const before = Date.now();
  const { time, ...timeless } = event;
  expect(time).toBeDefined();
  const { occurredAt } = JSON.parse(valueOf(structured(timeless))) as { occurredAt: string };
  expect(Date.parse(occurredAt)).toBeGreaterThanOrEqual(before);
});

test('events of different sources with the same id get different message ids', () => {
  const part = fc.stringMatching(/^[a-z|#/:]{1,5}$/);
  const idOf = (source: string, id: string) => structured({ ...event, source, id });
  fc.assert(
    fc.property(part, part, part, part, (s1, i1, s2, i2) => {
      const [one, two] = [idOf(s1, i1), idOf(s2, i2)];
      if ('code' in one || 'code' in two) return;
      const ids = [one, two].map((draft) => (JSON.parse(valueOf(draft)) as { id: string }).id);
      expect(ids[0] === ids[1]).toBe(s1 === s2 && i1 === i2);
    }),
  );
});

test.each([
  ['specversion', { specversion: '0.3' }],
  ['id', { id: '' }],
  ['id', { id: 7 }],
  ['source', { source: undefined }],
  ['source', { source: 'a|b' }],
  ['source', { source: 'a\nb' }],
  ['type', { type: null }],
  ['payload', { payload: {} }],
  ['occurredAt', { occurredAt: 'x' }],
])('an event with a wrong %s is refused, and the reason names the attribute', (name, given) => {
  const draft = structured({ ...event, ...given });
  expect(draft).toMatchObject({ code: 'InvalidCloudEvent' });
  expect('detail' in draft && draft.detail).toContain(name);
});

test.each(['[]', '1', 'null'])('the JSON value %s is refused as an event', (json) => {
  expect(structured(json)).toMatchObject({ code: 'InvalidCloudEvent' });
});

test('a well-formed trace of an event overrides the trace of the request', () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  expect(structured({ ...event, traceparent, tracestate: 'k=v' })).toMatchObject({
    trace: { traceparent, tracestate: 'k=v' },
  });
  expect(structured({ ...event, traceparent: `${traceparent}\r\nx: y` })).not.toHaveProperty(
    'trace',
  );
});

test('an attribute may be called __proto__', () => {
  const json = `${JSON.stringify(event).slice(0, -1)},"__proto__":{"polluted":1}}`;
  expect(valueOf(structured(json))).toContain('"__proto__":{"polluted":1}');
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

describe('binary mode', () => {
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': 'A%201',
    'ce-source': '/s',
    'ce-type': 't',
    'ce-ext': 'e',
    'content-type': 'application/json',
    authorization: 'secret',
  };

  test('takes the attributes from headers, percent-decoded, and the payload from the body', () => {
    const value = valueOf(draftOfBinary(headers, Buffer.from('{"a": 1.0}')));
    expect(value).toContain('"payload":{"a": 1.0}');
    expect(value).not.toContain('secret');
    expect(JSON.parse(value)).toMatchObject({
      id: '/s|A 1',
      type: 't',
      source: '/s',
      ext: 'e',
      datacontenttype: 'application/json',
    });
  });

  test('refuses a body that is not JSON, and a header with wrong percent-encoding', () => {
    expect(draftOfBinary(headers, Buffer.from('{'))).toMatchObject({ code: 'InvalidJson' });
    expect(draftOfBinary({ ...headers, 'ce-ext': '%zz' }, Buffer.from('1'))).toMatchObject({
      code: 'InvalidCloudEvent',
    });
  });
});

test('an event with more than 1,000 attributes is refused', () => {
  const copies = '"ext":1,'.repeat(1_000);
  expect(structured(JSON.stringify(event).replace('{', `{${copies}`))).toEqual({
    code: 'InvalidCloudEvent',
    detail: 'it has more than 1000 attributes',
  });
});
