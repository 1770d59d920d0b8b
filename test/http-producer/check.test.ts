import fc from 'fast-check';
import { createCheck } from '../../src/http-producer/check';
import { parseNow } from '../../src/domain/workflow/parse';
import { fitsWorkflow } from '../../src/domain/workflow/record-start';
import { kafkaRecord, testStream } from '../domain/support/records';

const value = (json: unknown) => ({ value: Buffer.from(JSON.stringify(json)) });
const check = createCheck([testStream()], () => 1_000_000);

test('a valid message gets its own bytes as value, its id as key and the trace of the request', () => {
  const draft = value({ id: 'ä', more: [1] });
  const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
  expect(check(draft, trace)).toEqual({
    record: { key: Buffer.from('ä'), value: draft.value, headers: trace },
  });
  const own = { traceparent: `00-${'c'.repeat(32)}-${'b'.repeat(16)}-01` };
  expect(check({ ...draft, trace: own }, trace)).toMatchObject({ record: { headers: own } });
});

test.each([
  ['InvalidJson', Buffer.from('{')],
  ['InvalidJson', Buffer.from([0xff])],
  ['SchemaMismatch', Buffer.from('{"id":1}')],
  ['InvalidMessageId', Buffer.from('{"id":""}')],
  ['InvalidMessageId', Buffer.from('{"id":"\\ud800"}')],
  ['RecordTooLarge', Buffer.from(JSON.stringify({ id: '1', x: 'x'.repeat(1_000_000) }))],
])('a message that the bridge would refuse is refused with %s', (code, bytes) => {
  expect(check({ value: bytes }, undefined)).toMatchObject({ code });
});

test('a record that is too large for a workflow is refused, even if the topic accepts it', () => {
  const large = createCheck([testStream()], () => 10_000_000);
  const draft = value({ id: '1', x: 'x'.repeat(2_200_000) });
  expect(large(draft, undefined)).toMatchObject({ code: 'RecordTooLarge' });
});

test('the detail of a refusal is short and well-formed', () => {
  const verdict = check({ value: Buffer.from(`"${'\ud83d\ude00'.repeat(2_000)}"`) }, undefined);
  const detail = 'detail' in verdict ? verdict.detail : '';
  expect(detail.length).toBeGreaterThan(0);
  expect(detail.length).toBeLessThanOrEqual(500);
  expect(detail.isWellFormed()).toBe(true);
});

test('a message is refused unless every stream of the topic accepts it under the same id', () => {
  const upper = testStream({ name: 'upper', messageId: ({ id }) => id.toUpperCase() });
  const both = createCheck([testStream(), upper], () => 1_000_000);
  expect(both(value({ id: 'A' }), undefined)).toHaveProperty('record');
  expect(both(value({ id: 'a' }), undefined)).toMatchObject({ code: 'InvalidMessageId' });
});

test('a message is refused if every stream of the topic skips it, and accepted if one takes it', () => {
  const small = testStream({ filter: ({ id }) => id.length === 1 });
  const large = testStream({ name: 'large', filter: ({ id }) => id.length > 2 });
  const both = createCheck([small, large], () => 1_000_000);
  expect(both(value({ id: 'a' }), undefined)).toHaveProperty('record');
  expect(both(value({ id: 'abc' }), undefined)).toHaveProperty('record');
  expect(both(value({ id: 'ab' }), undefined)).toEqual({
    code: 'Filtered',
    detail: "no stream takes it; stream test: the stream's filter returned false",
  });
  const broken = createCheck([small, testStream({ accept: () => undefined! })], () => 1_000_000);
  expect(broken(value({ id: 'a' }), undefined)).toMatchObject({ code: 'FilterFailed' });
});

test('the check accepts exactly the records that the bridge accepts', () => {
  const anything = fc.oneof(
    fc.jsonValue().map((json) => value(json).value),
    fc
      .record({ id: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()) })
      .map((json) => value(json).value),
    fc.uint8Array().map((array) => Buffer.from(array)),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const record = kafkaRecord({ value: bytes });
      const taken = parseNow(testStream(), record).ok && fitsWorkflow(record);
      expect('record' in check({ value: bytes }, undefined)).toBe(taken);
    }),
  );
});
