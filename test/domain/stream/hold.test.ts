import { holdWorkflowId, recordMark, turnOf, type Head } from '../../../src/domain/stream/hold';

const value = Buffer.from('{"id":"42"}');
const record = { offset: 20, messageId: '42', value };

test.each<[string, Head, ReturnType<typeof turnOf>]>([
  ['the record itself', [20, 'other'], 'head'],
  ['a record with its message id at another offset', [7, recordMark('42', null)], 'head'],
  ['a record with its value that was no message', [7, recordMark(undefined, value)], 'head'],
  ['another record', [7, recordMark('41', value)], 'behind'],
  ['another one, since it was delivered', [21, recordMark('43', null), 20], 'delivered'],
  ['the record, once more', [20, 'other', 20], 'head'],
])('turnOf compares a record with a head that is %s', (_, head, turn) => {
  expect(turnOf(head, record)).toBe(turn);
});

test('recordMark distinguishes a message id from an equal value', () => {
  expect(recordMark('42', null)).not.toBe(recordMark(undefined, Buffer.from('42')));
  expect(recordMark(undefined, null)).toHaveLength(11);
});

test('holdWorkflowId names stream, topic and partition', () => {
  expect(holdWorkflowId({ stream: 's', topic: 't', partition: 3 })).toBe('s-hold-t-3');
});
